// Faults that a server injects into itself, by method. For now one kind: a fixed delay before a
// call is handled. Threads: any. Sites are added before the server serves; a site's Strike is one
// atomic load while no fault is set.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace lockstep::fault {

struct Rule {
  std::string method;      // "lockstep.consumer.v1.ConsumerService/ValidateConsumer"
  Duration fixed_delay{};  // above zero, at most limits::kTimeoutMax
  std::int64_t fired = 0;  // how often it has struck
};

// A place where a fault can strike.
class Site {
 public:
  explicit Site(std::string method) : method_(std::move(method)) {}

  // The delay to add to the call at hand; zero if no fault strikes.
  Duration Strike() {
    const Duration delay(delay_.load(std::memory_order_relaxed));
    if (delay > Duration::zero()) fired_.fetch_add(1, std::memory_order_relaxed);
    return delay;
  }

 private:
  friend class Injector;
  const std::string method_;
  std::atomic<Duration::rep> delay_ = 0;
  std::atomic<std::int64_t> fired_ = 0;
};

class Injector {
 public:
  // allowed false: Set refuses with FAILED_PRECONDITION, reason FAULTS_DISABLED.
  explicit Injector(bool allowed = true) : allowed_(allowed) {}

  // Before the server serves. The site lives as long as the injector.
  Site& AddSite(std::string method);

  // Null if there is no such site.
  Site* Find(std::string_view method);

  // Replaces all rules, or none of them: INVALID_ARGUMENT names the rule that cannot stand, a
  // method without a site (it could never strike) among them. field: how the caller names the list,
  // "faults".
  Status Set(const std::vector<Rule>& rules, std::string_view field);

  std::vector<Rule> List() const;

 private:
  Site* FindLocked(std::string_view method);

  const bool allowed_;
  mutable std::mutex mutex_;
  std::deque<Site> sites_;
  std::vector<Site*> set_;  // those with a rule, in the order of the rules
};

}  // namespace lockstep::fault
