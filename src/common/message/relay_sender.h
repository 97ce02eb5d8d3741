// What the relay does for one destination. It reads what waits from the file while deliveries are
// under way, at most kDepth of them with no key in common, so that each key stays in order; it
// writes what became of them without waiting for the commit. Only what is under way and the next
// batch is in memory, and the keys that wait for a retry (at most limits::kRelayKeysHeldMax and two
// batches): whatever lies behind such a key is passed over, and read again when its turn comes.
//
// Threads: all of it on the relay's, but for the continuations of the store and the transport,
// which post to it. Invariants:
//   - A row in flight, or whose mark is not committed yet, is in busy_ and not read again.
//   - Every row that waits and is not after cursor_ is in busy_, in buffer_, or behind a key in
//     held_.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "common/message/relay.h"
#include "common/message/relay_rows.h"
#include "common/message/transport.h"

namespace lockstep::message {

// What the senders of a relay share. Outlives them.
struct RelayContext {
  store::StoreFile& file;
  Transport& transport;
  const RelayOptions& options;
  store::Database& database;  // to read from, on the relay's thread
  // Runs it on the relay's thread.
  std::function<void(AnyInvocable<void()>)> post;
  // For the counts: what a delivery came to.
  struct Report {
    std::int64_t sent = 0, failed = 0, dead = 0;
    std::string error = {};  // of the delivery; empty: it did not fail
  };
  std::function<void(const std::string& destination, const Report& report)> report;
};

class RelaySender {
 public:
  RelaySender(RelayContext& context, std::string destination)
      : context_(context), destination_(std::move(destination)) {}

  // Something waits for it.
  void Wake() { more_ = true; }
  // Does what can be done now. Returns when it wants to be called again, unless something happens
  // before.
  SteadyTime Pump();
  // Nothing is under way.
  bool quiet() const { return deliveries_.empty() && writes_ == 0; }
  // Nothing waits, as far as it knows, and it has no lease.
  bool idle(SteadyTime now) const { return quiet() && !HasWork() && lease_until_ <= now; }

 private:
  struct Row {
    std::int64_t sequence = 0;
    std::string key;
    int attempts = 0;
    std::size_t bytes = 0;
    v1::Envelope envelope;
  };
  struct Delivery {
    std::vector<Row> rows;  // their envelopes have gone
    std::unordered_set<std::string_view> keys;
  };
  // A key that waits because its first message was refused.
  struct Held {
    std::int64_t sequence = 0;
    SteadyTime due;
    bool probe = false;    // it is due: the message is to be tried
    bool skipped = false;  // later ones were passed over
  };
  using Deliveries = std::list<Delivery>;

  bool HasWork() const {
    return more_ || !buffer_.empty() || !busy_.empty() || !held_.empty() || !deliveries_.empty();
  }
  bool HaveLease();
  void AskForLease();
  void RenewLease();
  void Forget();

  void ProbeDue();
  void Fill();
  bool Look(const WaitingRow& row, Marks& marks);
  bool DeliverNext();
  bool InFlight(std::string_view key) const;
  std::vector<Row> NextBatch();

  void Delivered(Deliveries::iterator delivery, StatusOr<std::vector<Taken>> taken);
  void Sort(const Row& row, const Status& status, Marks& marks, RelayContext::Report& report,
            Status& could_not);
  void Refused(const Row& row, const Status& status, Marks& marks, RelayContext::Report& report);
  void GiveUp(const Row& row, int attempts, const std::string& error, Marks& marks);
  void Released(const Row& row);
  void Write(Marks marks);
  void GoBackTo(std::int64_t sequence);
  void BackOff(const Status& status);
  void WantAt(SteadyTime time) { next_ = std::min(next_, time); }

  RelayContext& context_;
  const std::string destination_;

  SteadyTime now_;   // of this Pump
  SteadyTime next_;  // when to be called again

  bool more_ = false;        // rows after cursor_ may wait
  std::int64_t cursor_ = 0;  // read up to here
  std::deque<Row> buffer_;   // read, not yet delivered
  Deliveries deliveries_;
  std::set<std::int64_t> busy_;
  std::unordered_map<std::string, Held> held_;
  SteadyTime due_first_ = SteadyTime::max();  // no key in held_ is due before

  SteadyTime lease_until_{};
  bool asking_ = false;  // for the lease, or to renew it
  int writes_ = 0;       // given to the store thread, not answered

  SteadyTime not_before_{};  // nothing is delivered before
  int failures_ = 0;         // of deliveries, in a row
};

}  // namespace lockstep::message
