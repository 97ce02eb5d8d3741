// What became of orders that were answered before they were final: how many stand, how many were
// rejected, and how long that took. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "lab/json.h"
#include "lab/servers.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::lab {

struct Completion {
  std::int64_t validated = 0;
  std::map<std::string, std::int64_t> rejected;  // by their first reason
  std::int64_t cancelled = 0;
  std::int64_t pending = 0;                   // still, when they were last looked at
  std::int64_t portions = 0;                  // of the validated ones
  std::map<std::string, std::int64_t> nanos;  // the same, by currency: billionths of a unit
  // From an order's creation to its first state that is not PENDING, by Order's clock.
  std::vector<Duration> times;
  std::set<std::string> validated_ids;

  std::int64_t rejected_in_all() const;
  std::int64_t in_all() const { return validated + rejected_in_all() + cancelled + pending; }
};

// Adds an order. Pure.
void Count(const order::v1::Order& order, Completion& completion);

// Waits until none of the orders is PENDING any more, until the limit has passed or interrupted()
// is true; then says what became of each. A server that does not answer meanwhile is asked again.
StatusOr<Completion> AwaitCompletion(OrderPeer& peer, const std::set<std::string>& order_ids,
                                     Duration limit, bool (*interrupted)());

Json CompletionJson(const Completion& completion);

}  // namespace lockstep::lab
