// What became of placing orders, counted: each order stands in exactly one of accepted, refused,
// failed, unknown and unplaced. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "lab/completion.h"
#include "lab/json.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::lab {

// One attempt's answer.
struct Answer {
  Status status;
  order::v1::CreateOrderResponse response;  // where the status is OK
  std::optional<call::v1::Receipt> receipt;
};

enum class Outcome {
  kAccepted,  // the order stands
  kRefused,   // a verdict refused it; it is kept as REJECTED
  kUnknown,   // nobody can say whether the order was taken: to be repeated with the same request id
  kBusy,      // the server had no room: nothing was taken
  kFailed,    // an error that a repetition would not change
};

// An error that carries no reason of ours came from the way there, and so the outcome is unknown.
Outcome OutcomeOf(const Answer& answer);

// "DEADLINE_EXCEEDED"; for a refusal "FAILED_PRECONDITION".
std::string CodeOf(const Answer& answer);

// The share of values at or below the result: 0.5 is the median. Nearest rank; zero where there are
// no values.
Duration Quantile(std::vector<Duration> values, double share);

struct Figures {
  std::int64_t orders = 0;           // planned
  std::int64_t accepted = 0;         // now or in an earlier run
  std::int64_t accepted_before = 0;  // of these: the server said that it had them already
  std::int64_t refused_before = 0;
  std::map<std::string, std::int64_t> refused;  // by reason
  std::map<std::string, std::int64_t> failed;   // by code and reason
  std::map<std::string, std::int64_t> unknown;  // given up, by code
  std::int64_t unplaced = 0;                    // not begun, because of an interruption
  std::map<std::string, std::int64_t> codes;    // of the last answer to each order begun
  std::int64_t repeats = 0;                     // attempts past the first of an order
  std::int64_t portions = 0;                    // of the accepted ones
  std::map<std::string, std::int64_t> nanos;    // the same, by currency: billionths of a unit
  // From the intended arrival to the last answer: of all orders begun, and of these the accepted
  // and the others.
  std::vector<Duration> latencies;
  std::vector<Duration> accepted_latencies;
  std::vector<Duration> other_latencies;
  // Of the accepted ones, those that were answered PENDING; their portions and amount are counted
  // once they are final, see Complete.
  std::set<std::string> pending_ids;
  std::optional<Completion> completion;
  Duration lateness_most{};  // of our own: from an intended arrival to its call
  Duration elapsed{};

  std::int64_t refused_in_all() const;
  std::int64_t failed_in_all() const;
  std::int64_t unknown_in_all() const;
  std::int64_t settled() const;  // accepted, refused or failed
  std::string AmountText() const;
  // Refused at once, or rejected after an answer that came first: by reason.
  std::map<std::string, std::int64_t> refused_or_rejected() const;
};

// Adds the last answer to an order.
void Count(const Answer& answer, Duration latency, Figures& figures);

// What became of those that were answered PENDING.
void Complete(const Completion& completion, Figures& figures);

Json FiguresJson(const Figures& figures);

}  // namespace lockstep::lab
