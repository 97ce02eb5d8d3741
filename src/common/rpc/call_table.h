// The calls under way in one server process, and what becomes of each: the raw material of
// ListCalls and the ledger. Threads: any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/status.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::rpc {

// How a call ended. Durations and flags as of the moment at which its answer was handed to gRPC.
struct EndedCall {
  const std::string& method;
  StatusCode code;
  Duration took{};         // since arrival
  bool begun = false;      // false: refused or dropped before its handler ran
  bool late = false;       // its deadline had passed
  bool abandoned = false;  // its caller had gone, or its deadline had passed
  bool duplicate = false;  // answered with an earlier outcome
};

class CallObserver {
 public:
  virtual ~CallObserver() = default;
  // On the thread that answers the call, before the answer leaves; must be quick.
  virtual void Ended(const EndedCall& call) = 0;
};

class CallTable {
 public:
  // What a call says of itself while it is under way. Called under the table's lock, from any
  // thread.
  struct Description {
    std::string method;
    std::string peer;
    SteadyTime arrival;
    WallTime arrival_wall;
    Deadline deadline;
    bool deadline_from_caller = false;
    bool cancelled = false;
    call::v1::Shell shell = call::v1::SHELL_UNSPECIFIED;
  };

  class Entry {
   public:
    virtual Description Describe() const = 0;
    // Its caller has gone or its deadline has passed. Here the slow way: Describe makes strings.
    virtual bool Abandoned(SteadyTime now) const {
      const Description description = Describe();
      return description.cancelled || description.deadline.Passed(now);
    }

   protected:
    virtual ~Entry() = default;

   private:
    friend class CallTable;
    std::list<Entry*>::iterator place_;
  };

  // The number of calls under way, this one included.
  int Add(Entry& entry) {
    const std::lock_guard lock(mutex_);
    entry.place_ = entries_.insert(entries_.end(), &entry);
    const int now = static_cast<int>(entries_.size());
    most_ = std::max(most_, now);
    return now;
  }

  void Remove(Entry& entry) {
    const std::lock_guard lock(mutex_);
    entries_.erase(entry.place_);
  }

  // The oldest first, at most so many.
  std::vector<Description> List(std::size_t count_max) const {
    const std::lock_guard lock(mutex_);
    std::vector<Description> calls;
    for (const Entry* entry : entries_) {
      if (calls.size() == count_max) break;
      calls.push_back(entry->Describe());
    }
    // They enter in the order in which their threads come to it, shortly after they arrived.
    std::stable_sort(calls.begin(), calls.end(), [](const Description& a, const Description& b) {
      return a.arrival < b.arrival;
    });
    return calls;
  }

  int CountAbandoned(SteadyTime now) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::count_if(entries_.begin(), entries_.end(),
                      [now](const Entry* entry) { return entry->Abandoned(now); }));
  }

  int now() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(entries_.size());
  }
  int most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }
  void ResetMost() {
    const std::lock_guard lock(mutex_);
    most_ = static_cast<int>(entries_.size());
  }

 private:
  mutable std::mutex mutex_;
  std::list<Entry*> entries_;
  int most_ = 0;
};

}  // namespace lockstep::rpc
