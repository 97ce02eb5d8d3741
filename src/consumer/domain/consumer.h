// A consumer: what is allowed, how one begins and how one changes. Values; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/money.h"
#include "common/base/validate.h"

namespace lockstep::consumer {

// Numbered as in the protos; a number without a name can stand in a request, and is refused there.
enum class State : int {
  kUnspecified = 0,  // only in requests
  kActive = 1,
  kSuspended = 2,
};

struct Consumer {
  std::string consumer_id;
  std::string display_name;
  State state = State::kUnspecified;
  Money order_limit;         // above zero
  std::int64_t version = 0;  // counts the changes, from 1
  WallTime create_time;
  WallTime update_time;
  friend bool operator==(const Consumer&, const Consumer&) = default;
};

struct ConsumerUpdate {
  Consumer consumer;              // consumer_id says which one
  std::vector<std::string> mask;  // of display_name, state, order_limit
  std::int64_t expected_version = 0;
};

// Adds what is wrong, with the field paths of the requests. The consumer to create has its id
// already.
void ValidateNew(const Consumer& consumer, Violations& violations);
void Validate(const ConsumerUpdate& update, Violations& violations);

// The consumer to be kept: version 1, ACTIVE unless it says otherwise. Of a valid one.
Consumer Begin(Consumer consumer, WallTime now);

// The consumer after a valid update; the same version if nothing changes. ABORTED, reason
// VERSION_MISMATCH.
StatusOr<Consumer> Apply(Consumer current, const ConsumerUpdate& update, WallTime now);

// True if creating one where there is the other is a repetition: all but version and times. Both
// begun, so that defaults are the same on both sides.
bool SameContent(const Consumer& a, const Consumer& b);

}  // namespace lockstep::consumer
