#include "order/domain/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/validate.h"

namespace lockstep::order {
namespace {

// What is wrong; empty: nothing.
using Problem = std::string;

Problem Mismatch(std::string_view what, const std::string& said, const std::string& asked) {
  if (said == asked) return {};
  return fmt::format("is about {} {}, asked was {}", what, Quoted(said), Quoted(asked));
}

Problem RefusalProblem(bool accepted, const std::vector<Refusal>& refusals) {
  if (accepted && !refusals.empty()) {
    return fmt::format("accepts, and refuses with {}", Quoted(refusals.front().reason));
  }
  if (!accepted && refusals.empty()) return "refuses without a reason";
  const bool unnamed = std::any_of(refusals.begin(), refusals.end(),
                                   [](const Refusal& refusal) { return refusal.reason.empty(); });
  return unnamed ? "has a refusal without a reason" : Problem();
}

Problem ProblemOf(const ConsumerVerdict& verdict, const std::string& order_id,
                  const std::string& consumer_id) {
  if (Problem p = Mismatch("order", verdict.order_id, order_id); !p.empty()) return p;
  if (Problem p = Mismatch("consumer", verdict.consumer_id, consumer_id); !p.empty()) return p;
  if (Problem p = RefusalProblem(verdict.accepted, verdict.refusals); !p.empty()) return p;
  if (!verdict.accepted) return verdict.order_limit ? "refuses, and gives an order limit" : "";
  if (!verdict.order_limit) return "accepts without an order limit";
  const Money& limit = *verdict.order_limit;
  if (limit.currency_code().empty()) return "has an order limit without a currency";
  if (limit.total_nanos() <= 0) return fmt::format("has the order limit {}", limit.Text());
  return {};
}

Problem LineProblem(const PricedLine& said, const OrderLine& asked, const std::string& currency) {
  if (said.menu_item_id != asked.menu_item_id) {
    return fmt::format("is of item {}, asked was {}", Quoted(said.menu_item_id),
                       Quoted(asked.menu_item_id));
  }
  if (said.quantity != asked.quantity) {
    return fmt::format("has quantity {}, asked was {}", said.quantity, asked.quantity);
  }
  for (const Money* money : {&said.unit_price, &said.price}) {
    if (money->currency_code() == currency) continue;
    return fmt::format("is in {}, the total is in {}", Quoted(money->currency_code()),
                       Quoted(currency));
  }
  if (said.unit_price.total_nanos() < 0) {
    return fmt::format("has the negative price {}", said.unit_price.Text());
  }
  const StatusOr<Money> price = said.unit_price.Times(said.quantity);
  if (!price.ok() || *price != said.price) {
    return fmt::format("costs {}, which is not {} times {}", said.price.Text(), said.quantity,
                       said.unit_price.Text());
  }
  return {};
}

Problem PriceProblem(const MenuVerdict& verdict, const std::vector<OrderLine>& asked) {
  if (!verdict.total) return "accepts without a total";
  const std::string& currency = verdict.total->currency_code();
  if (currency.empty()) return "has a total without a currency";
  if (verdict.lines.size() != asked.size()) {
    return fmt::format("has {} lines, asked were {}", verdict.lines.size(), asked.size());
  }
  StatusOr<Money> sum = Money::FromTotalNanos(currency, 0);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Problem p = LineProblem(verdict.lines[i], asked[i], currency);
    if (!p.empty()) return fmt::format("has a wrong line {}, which {}", i + 1, p);
    sum = sum->Plus(verdict.lines[i].price);
    if (!sum.ok()) return fmt::format("has a sum of lines where {}", MessageOf(sum.status()));
  }
  if (*sum == *verdict.total) return {};
  return fmt::format("has the total {}, its lines add up to {}", verdict.total->Text(),
                     sum->Text());
}

Problem ProblemOf(const MenuVerdict& verdict, const std::string& order_id,
                  const std::string& restaurant_id, const std::vector<OrderLine>& lines) {
  if (Problem p = Mismatch("order", verdict.order_id, order_id); !p.empty()) return p;
  if (Problem p = Mismatch("restaurant", verdict.restaurant_id, restaurant_id); !p.empty()) {
    return p;
  }
  if (Problem p = RefusalProblem(verdict.accepted, verdict.refusals); !p.empty()) return p;
  if (verdict.accepted) return PriceProblem(verdict, lines);
  if (!verdict.lines.empty() || verdict.total) return "refuses, and gives prices";
  return {};
}

Status ToStatus(const Problem& problem, const char* peer) {
  if (problem.empty()) return OkStatus();
  ErrorDetail detail;
  detail.reason = "VERDICT_INCONSISTENT";
  detail.metadata["peer"] = peer;
  return MakeError(StatusCode::kInternal,
                   fmt::format("the verdict of {} cannot be believed: it {}", peer, problem),
                   std::move(detail));
}

}  // namespace

Status Believable(const ConsumerVerdict& verdict, const std::string& order_id,
                  const std::string& consumer_id) {
  return ToStatus(ProblemOf(verdict, order_id, consumer_id), kConsumerPeer);
}

Status Believable(const MenuVerdict& verdict, const std::string& order_id,
                  const std::string& restaurant_id, const std::vector<OrderLine>& lines) {
  return ToStatus(ProblemOf(verdict, order_id, restaurant_id, lines), kRestaurantPeer);
}

}  // namespace lockstep::order
