#include "order/request_gate.h"

#include <algorithm>

#include "common/base/check.h"

namespace lockstep::order {

bool RequestGate::Enter(const std::string& request_id, Ticket ticket, Deadline deadline,
                        Resume resume) {
  const std::lock_guard lock(mutex_);
  const auto [place, first] = running_.try_emplace(request_id);
  if (!first) place->second.push_back({ticket, deadline, std::move(resume)});
  return first;
}

void RequestGate::Leave(const std::string& request_id,
                        std::shared_ptr<const StoredOutcome> outcome) {
  std::list<Waiter> resumed;
  {
    const std::lock_guard lock(mutex_);
    const auto place = running_.find(request_id);
    LOCKSTEP_CHECK(place != running_.end());
    std::list<Waiter>& waiting = place->second;
    if (outcome != nullptr || waiting.empty()) {
      resumed.swap(waiting);
      running_.erase(place);
    } else {
      resumed.splice(resumed.end(), waiting, waiting.begin());
    }
  }
  const Turn turn = outcome != nullptr ? Turn::kSettled : Turn::kFirst;
  for (Waiter& waiter : resumed) waiter.resume(turn, outcome);
}

void RequestGate::GiveUp(const std::string& request_id, Ticket ticket) {
  std::list<Waiter> given_up;
  {
    const std::lock_guard lock(mutex_);
    const auto place = running_.find(request_id);
    if (place == running_.end()) return;
    const auto waiter = std::find_if(place->second.begin(), place->second.end(),
                                     [&](const Waiter& one) { return one.ticket == ticket; });
    if (waiter == place->second.end()) return;
    given_up.splice(given_up.end(), place->second, waiter);
  }
  given_up.front().resume(Turn::kGivenUp, nullptr);
}

void RequestGate::GiveUpExpired(SteadyTime now) {
  std::list<Waiter> given_up;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [request_id, waiting] : running_) {
      for (auto waiter = waiting.begin(); waiter != waiting.end();) {
        const auto next = std::next(waiter);
        if (waiter->deadline.Passed(now)) given_up.splice(given_up.end(), waiting, waiter);
        waiter = next;
      }
    }
  }
  for (Waiter& waiter : given_up) waiter.resume(Turn::kGivenUp, nullptr);
}

std::size_t RequestGate::running() const {
  const std::lock_guard lock(mutex_);
  return running_.size();
}

}  // namespace lockstep::order
