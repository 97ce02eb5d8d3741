// A receipt drawn as a waterfall: one row a step of the call, with time running to the right, the
// deadline as a line across, and what was left of it written where a hop began. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::lab {

// One step, drawn as one row. Times count from the moment the caller began.
struct Step {
  int depth = 0;
  std::string name;  // "order  CreateOrder"
  Duration start{};
  Duration length{};
  Duration delayed{};             // the first part of it, which a fault added
  std::optional<Duration> until;  // the deadline it ran under
  std::string note;               // "OK", "DEADLINE_EXCEEDED"
  bool is_wait = false;           // waiting and holding are drawn lighter than work
};

// What the caller saw of one order.
struct Attempt {
  std::string title;    // "blocking: VALIDATED, 24.70 GBP"
  Duration measured{};  // from the caller's start until the answer
  std::optional<Duration> timeout;
  call::v1::Receipt receipt;
};

// The steps of a receipt, in the order in which they are drawn. A hop's own receipt is placed in
// the middle of the call that it belongs to: what is left of the call was spent on the way there
// and back.
std::vector<Step> StepsOf(const Attempt& attempt);

// Draws all attempts one under the other on one time scale, `width` columns wide.
std::string DrawWaterfall(const std::vector<Attempt>& attempts, int width);

}  // namespace lockstep::lab
