#include "consumer/domain/judge.h"

#include <fmt/format.h>

namespace lockstep::consumer {
namespace {

void JudgeTotal(const Consumer& consumer, const Money& total, std::vector<Refusal>& refusals) {
  const Money& limit = consumer.order_limit;
  if (total.currency_code() != limit.currency_code()) {
    refusals.push_back({Reason::kCurrencyMismatch,
                        fmt::format("the order costs {}, the order limit of consumer {} is in {}",
                                    total.Text(), consumer.consumer_id, limit.currency_code())});
  } else if (total.total_nanos() > limit.total_nanos()) {
    refusals.push_back(
        {Reason::kOrderLimitExceeded,
         fmt::format("the order costs {}, above the order limit of consumer {}, which is {}",
                     total.Text(), consumer.consumer_id, limit.Text())});
  }
}

}  // namespace

void Validate(const Question& question, Violations& violations) {
  violations.RequireId("order_id", question.order_id);
  violations.RequireId("consumer_id", question.consumer_id);
  if (!question.order_total) return;
  if (question.order_total->currency_code().empty()) {
    violations.Add("order_total", "must be an amount in a currency, has none");
  } else if (question.order_total->total_nanos() < 0) {
    violations.Add("order_total",
                   fmt::format("must be zero or more, is {}", question.order_total->Text()));
  }
}

ConsumerVerdict Judge(const Consumer* consumer, const Question& question, WallTime now,
                      std::string_view node) {
  ConsumerVerdict verdict;
  verdict.order_id = question.order_id;
  verdict.consumer_id = question.consumer_id;
  verdict.judge_time = now;
  verdict.node = node;
  if (consumer == nullptr) {
    verdict.refusals.push_back(
        {Reason::kConsumerUnknown, fmt::format("there is no consumer {}", question.consumer_id)});
    return verdict;
  }
  verdict.consumer_version = consumer->version;
  if (consumer->state != State::kActive) {
    verdict.refusals.push_back({Reason::kConsumerSuspended,
                                fmt::format("consumer {} is suspended", consumer->consumer_id)});
  }
  if (question.order_total) JudgeTotal(*consumer, *question.order_total, verdict.refusals);
  verdict.accepted = verdict.refusals.empty();
  if (verdict.accepted) verdict.order_limit = consumer->order_limit;
  return verdict;
}

}  // namespace lockstep::consumer
