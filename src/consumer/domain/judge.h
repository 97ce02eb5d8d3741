// What Consumer says of an order. Pure: the same consumer and question give the same verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/domain/consumer.h"

namespace lockstep::consumer {

struct Question {
  std::string order_id;
  std::string consumer_id;
  std::optional<Money> order_total;  // where the asker knows it already
};

// Numbered as in the protos.
enum class Reason : int {
  kConsumerUnknown = 1,
  kConsumerSuspended = 2,
  kOrderLimitExceeded = 3,
  kCurrencyMismatch = 4,
};

struct Refusal {
  Reason reason;
  std::string message;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct ConsumerVerdict {
  std::string order_id;
  std::string consumer_id;
  bool accepted = false;
  std::vector<Refusal> refusals;      // empty exactly when accepted
  std::optional<Money> order_limit;   // present exactly when accepted
  std::int64_t consumer_version = 0;  // 0 if unknown
  WallTime judge_time;
  std::string node;
};

// Adds what is wrong, with the field paths of ValidateConsumerRequest.
void Validate(const Question& question, Violations& violations);

// Every reason against the order. consumer: the one asked about; null if there is none.
ConsumerVerdict Judge(const Consumer* consumer, const Question& question, WallTime now,
                      std::string_view node);

}  // namespace lockstep::consumer
