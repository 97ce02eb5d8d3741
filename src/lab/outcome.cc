#include "lab/outcome.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/money.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

std::int64_t Sum(const std::map<std::string, std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& entry) { return sum + entry.second; });
}

void CountAccepted(const order::v1::Order& order, Figures& figures) {
  ++figures.accepted;
  if (order.state() == order::v1::Order::STATE_PENDING) {
    figures.pending_ids.insert(order.order_id());
    return;
  }
  for (const restaurant::v1::PricedLine& line : order.lines()) figures.portions += line.quantity();
  figures.nanos[order.total().currency_code()] += TotalNanos(order.total());
}

}  // namespace

Outcome OutcomeOf(const Answer& answer) {
  switch (answer.status.code()) {
    case StatusCode::kOk:
      return Outcome::kAccepted;
    case StatusCode::kResourceExhausted:
      return Outcome::kBusy;
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
      return Outcome::kUnknown;
    case StatusCode::kFailedPrecondition:
      return Outcome::kRefused;
    default:
      return DetailOf(answer.status).reason.empty() ? Outcome::kUnknown : Outcome::kFailed;
  }
}

std::string CodeOf(const Answer& answer) { return CodeName(answer.status.code()); }

Duration Quantile(std::vector<Duration> values, double share) {
  if (values.empty()) return {};
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  const auto index = static_cast<std::ptrdiff_t>(std::max(1.0, rank)) - 1;
  std::nth_element(values.begin(), values.begin() + index, values.end());
  return values[static_cast<std::size_t>(index)];
}

std::int64_t Figures::refused_in_all() const { return Sum(refused); }
std::int64_t Figures::failed_in_all() const { return Sum(failed); }
std::int64_t Figures::unknown_in_all() const { return Sum(unknown); }
std::int64_t Figures::settled() const { return accepted + refused_in_all() + failed_in_all(); }

std::string Figures::AmountText() const {
  std::string text;
  for (const auto& [currency, amount] : nanos) {
    if (!text.empty()) text += " + ";
    text += Money::FromTotalNanos(currency, amount).Text();
  }
  return text.empty() ? "0" : text;
}

void Count(const Answer& answer, Duration latency, Figures& figures) {
  const bool is_duplicate = answer.receipt && answer.receipt->duplicate();
  const std::string reason = DetailOf(answer.status).reason;
  ++figures.codes[CodeOf(answer)];
  const Outcome outcome = OutcomeOf(answer);
  figures.latencies.push_back(latency);
  (outcome == Outcome::kAccepted ? figures.accepted_latencies : figures.other_latencies)
      .push_back(latency);
  switch (outcome) {
    case Outcome::kAccepted:
      CountAccepted(answer.response.order(), figures);
      if (is_duplicate) ++figures.accepted_before;
      break;
    case Outcome::kRefused:
      ++figures.refused[reason.empty() ? "FAILED_PRECONDITION" : reason];
      if (is_duplicate) ++figures.refused_before;
      break;
    case Outcome::kFailed:
      ++figures.failed[CodeOf(answer) + " " + reason];
      break;
    case Outcome::kUnknown:
    case Outcome::kBusy:
      ++figures.unknown[CodeOf(answer)];
      break;
  }
}

void Complete(const Completion& completion, Figures& figures) {
  figures.portions += completion.portions;
  for (const auto& [currency, amount] : completion.nanos) figures.nanos[currency] += amount;
  figures.completion = completion;
}

std::map<std::string, std::int64_t> Figures::refused_or_rejected() const {
  std::map<std::string, std::int64_t> counts = refused;
  if (completion) {
    for (const auto& [reason, count] : completion->rejected) counts[reason] += count;
  }
  return counts;
}

Json FiguresJson(const Figures& figures) {
  Json json;
  Put(json, "orders", figures.orders);
  Put(json, "accepted", figures.accepted);
  Put(json, "accepted_before", figures.accepted_before);
  PutCounts(json, "refused", figures.refused);
  PutCounts(json, "failed", figures.failed);
  PutCounts(json, "unknown", figures.unknown);
  Put(json, "unplaced", figures.unplaced);
  PutCounts(json, "codes", figures.codes);
  Put(json, "repeats", figures.repeats);
  Put(json, "portions", figures.portions);
  Json amounts;
  for (const auto& [currency, amount] : figures.nanos) {
    Put(amounts, currency, Money::FromTotalNanos("", amount).Text());
  }
  Put(json, "amount", amounts);
  if (figures.completion) Put(json, "completion", CompletionJson(*figures.completion));
  PutMillis(json, "latency_median_ms", Quantile(figures.latencies, 0.5));
  PutMillis(json, "latency_p99_ms", Quantile(figures.latencies, 0.99));
  PutMillis(json, "accepted_median_ms", Quantile(figures.accepted_latencies, 0.5));
  PutMillis(json, "accepted_p99_ms", Quantile(figures.accepted_latencies, 0.99));
  PutMillis(json, "others_median_ms", Quantile(figures.other_latencies, 0.5));
  PutMillis(json, "lateness_most_ms", figures.lateness_most);
  PutMillis(json, "elapsed_ms", figures.elapsed);
  return json;
}

}  // namespace lockstep::lab
