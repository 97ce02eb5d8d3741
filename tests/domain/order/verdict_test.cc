// Each way in which a verdict can contradict the question or itself, one by one.
#include "order/domain/verdict.h"

#include <functional>

#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

constexpr std::int64_t kLargestNanos = Money::kUnitsMax * Money::kNanosPerUnit;

Status Believed(const ConsumerVerdict& verdict) {
  return Believable(verdict, kOrderId, "consumer-7");
}

Status Believed(const MenuVerdict& verdict) {
  return Believable(verdict, kOrderId, "restaurant-3", SampleOrder().lines);
}

void RequireInconsistent(const Status& status, const std::string& peer, const std::string& says) {
  CAPTURE(MessageOf(status));
  REQUIRE(status.code() == StatusCode::kInternal);
  REQUIRE(DetailOf(status).reason == "VERDICT_INCONSISTENT");
  REQUIRE(DetailOf(status).metadata == std::map<std::string, std::string>{{"peer", peer}});
  REQUIRE(MessageOf(status).find(says) != std::string::npos);
}

TEST_CASE("verdicts that answer the question are believed") {
  REQUIRE(Believed(SampleConsumerVerdict()).ok());
  REQUIRE(Believed(SampleMenuVerdict()).ok());
  REQUIRE(Believed(RefusedByConsumer({kSuspended})).ok());
  REQUIRE(Believed(RefusedByRestaurant({kClosed, kSoldOut})).ok());
  // A reason that this build does not know is still a refusal.
  REQUIRE(Believed(RefusedByConsumer({{"REASON_99", "", ""}})).ok());
}

struct ConsumerRow {
  const char* what;
  void (*spoil)(ConsumerVerdict&);
  const char* says;
};

TEST_CASE("a verdict of Consumer that cannot be believed") {
  const auto row = GENERATE(values<ConsumerRow>({
      {"another order", [](ConsumerVerdict& v) { v.order_id = "other"; }, "about order \"other\""},
      {"no order", [](ConsumerVerdict& v) { v.order_id.clear(); }, "about order \"\""},
      {"another consumer", [](ConsumerVerdict& v) { v.consumer_id = "consumer-8"; },
       "about consumer \"consumer-8\", asked was \"consumer-7\""},
      {"accepted with refusals", [](ConsumerVerdict& v) { v.refusals = {kSuspended}; },
       "accepts, and refuses with \"CONSUMER_SUSPENDED\""},
      {"refused without any",
       [](ConsumerVerdict& v) {
         v.accepted = false;
         v.order_limit.reset();
       },
       "refuses without a reason"},
      {"a refusal without a reason",
       [](ConsumerVerdict& v) { v = RefusedByConsumer({kSuspended, {}}); },
       "has a refusal without a reason"},
      {"refused with a limit",
       [](ConsumerVerdict& v) {
         v = RefusedByConsumer({kSuspended});
         v.order_limit = Pounds(1);
       },
       "refuses, and gives an order limit"},
      {"accepted without a limit", [](ConsumerVerdict& v) { v.order_limit.reset(); },
       "accepts without an order limit"},
      {"a limit in no currency", [](ConsumerVerdict& v) { v.order_limit = Money(); },
       "order limit without a currency"},
      {"a limit of nothing", [](ConsumerVerdict& v) { v.order_limit = Pounds(0); },
       "has the order limit 0.00 GBP"},
      {"a limit below zero", [](ConsumerVerdict& v) { v.order_limit = Pounds(-1); },
       "has the order limit -1.00 GBP"},
  }));
  CAPTURE(row.what);
  ConsumerVerdict verdict = SampleConsumerVerdict();
  row.spoil(verdict);
  RequireInconsistent(Believed(verdict), "consumer", row.says);
}

struct MenuRow {
  const char* what;
  void (*spoil)(MenuVerdict&);
  const char* says;
};

TEST_CASE("a verdict of Restaurant that cannot be believed") {
  const auto row = GENERATE(values<MenuRow>({
      {"another order", [](MenuVerdict& v) { v.order_id = "other"; }, "about order \"other\""},
      {"another restaurant", [](MenuVerdict& v) { v.restaurant_id = "restaurant-4"; },
       "about restaurant \"restaurant-4\", asked was \"restaurant-3\""},
      {"accepted with refusals", [](MenuVerdict& v) { v.refusals = {kClosed}; },
       "accepts, and refuses with \"RESTAURANT_CLOSED\""},
      {"refused without any", [](MenuVerdict& v) { v = RefusedByRestaurant({}); },
       "refuses without a reason"},
      {"a refusal without a reason",
       [](MenuVerdict& v) { v = RefusedByRestaurant({{"", "because", "naan"}}); },
       "has a refusal without a reason"},
      {"refused with lines",
       [](MenuVerdict& v) {
         const auto lines = v.lines;
         v = RefusedByRestaurant({kClosed});
         v.lines = lines;
       },
       "refuses, and gives prices"},
      {"refused with a total",
       [](MenuVerdict& v) {
         v = RefusedByRestaurant({kClosed});
         v.total = Pounds(1);
       },
       "refuses, and gives prices"},
      {"accepted without a total", [](MenuVerdict& v) { v.total.reset(); },
       "accepts without a total"},
      {"a total in no currency", [](MenuVerdict& v) { v.total = Money(); },
       "total without a currency"},
      {"no lines", [](MenuVerdict& v) { v.lines.clear(); }, "has 0 lines, asked were 3"},
      {"a line less", [](MenuVerdict& v) { v.lines.pop_back(); }, "has 2 lines, asked were 3"},
      {"a line more", [](MenuVerdict& v) { v.lines.push_back(v.lines[0]); },
       "has 4 lines, asked were 3"},
      {"another item", [](MenuVerdict& v) { v.lines[1].menu_item_id = "roti"; },
       "line 2, which is of item \"roti\", asked was \"naan\""},
      {"another quantity",
       [](MenuVerdict& v) {
         v.lines[1].quantity = 4;
         v.lines[1].price = v.lines[1].unit_price.Times(4).value();
         v.total = v.total->Plus(v.lines[1].unit_price).value();
       },
       "line 2, which has quantity 4, asked was 3"},
      {"another order of the lines", [](MenuVerdict& v) { std::swap(v.lines[0], v.lines[1]); },
       "line 1, which is of item \"naan\", asked was \"korma\""},
      {"two lines of an item changed about",
       [](MenuVerdict& v) { std::swap(v.lines[0], v.lines[2]); },
       "line 1, which has quantity 1, asked was 2"},
      {"a price that is not quantity times unit price",
       [](MenuVerdict& v) { v.lines[0].price = Pounds(17, 900'000'001); },
       "line 1, which costs 17.900000001 GBP, which is not 2 times 8.95 GBP"},
      {"a unit price that is not", [](MenuVerdict& v) { v.lines[0].unit_price = Pounds(8); },
       "line 1, which costs 17.90 GBP, which is not 2 times 8.00 GBP"},
      {"a total that is not the sum", [](MenuVerdict& v) { v.total = Pounds(34, 650'000'001); },
       "has the total 34.650000001 GBP, its lines add up to 34.65 GBP"},
      {"a price in another currency",
       [](MenuVerdict& v) {
         v.lines[2].price = Money::FromTotalNanos("EUR", v.lines[2].price.total_nanos());
       },
       "line 3, which is in \"EUR\", the total is in \"GBP\""},
      {"a unit price in another currency",
       [](MenuVerdict& v) {
         v.lines[2].unit_price = Money::FromTotalNanos("EUR", v.lines[2].unit_price.total_nanos());
       },
       "line 3, which is in \"EUR\", the total is in \"GBP\""},
      {"a line in another currency than the rest",
       [](MenuVerdict& v) {
         v.lines[0].price = Money::FromTotalNanos("EUR", v.lines[0].price.total_nanos());
         v.lines[0].unit_price = Money::FromTotalNanos("EUR", v.lines[0].unit_price.total_nanos());
       },
       "line 1, which is in \"EUR\", the total is in \"GBP\""},
      {"a line in no currency",
       [](MenuVerdict& v) {
         v.lines[0].price = Money();
         v.lines[0].unit_price = Money();
       },
       "line 1, which is in \"\""},
      {"a total in another currency",
       [](MenuVerdict& v) { v.total = Money::FromTotalNanos("EUR", v.total->total_nanos()); },
       "line 1, which is in \"GBP\", the total is in \"EUR\""},
      {"a negative price",
       [](MenuVerdict& v) {
         v.lines[1].unit_price = Pounds(-1);
         v.lines[1].price = Pounds(-3);
         v.total = v.lines[0].price.Plus(v.lines[2].price).value().Plus(Pounds(-3)).value();
       },
       "line 2, which has the negative price -1.00 GBP"},
  }));
  CAPTURE(row.what);
  MenuVerdict verdict = SampleMenuVerdict();
  row.spoil(verdict);
  RequireInconsistent(Believed(verdict), "restaurant", row.says);
}

TEST_CASE("sums up to the largest amount are believed, and one past it is not") {
  const std::vector<OrderLine> asked = {{"a", 1000}, {"b", 1}};
  MenuVerdict verdict = SampleMenuVerdict();
  const auto gbp = [](std::int64_t nanos) { return Money::FromTotalNanos("GBP", nanos); };
  const std::int64_t thousandth = kLargestNanos / 1000;
  verdict.lines = {{"a", "A", 1000, gbp(thousandth), gbp(kLargestNanos)},
                   {"b", "B", 1, gbp(0), gbp(0)}};
  verdict.total = gbp(kLargestNanos);
  REQUIRE(Believable(verdict, kOrderId, "restaurant-3", asked).ok());

  verdict.lines[1] = {"b", "B", 1, gbp(1), gbp(1)};
  RequireInconsistent(Believable(verdict, kOrderId, "restaurant-3", asked), "restaurant",
                      "has a sum of lines where the amount is beyond 9000000000 units");
  // The product of a line does not fit, whatever the peer makes of it.
  verdict.lines[0] = {"a", "A", 1000, gbp(thousandth + 1), gbp(kLargestNanos)};
  RequireInconsistent(Believable(verdict, kOrderId, "restaurant-3", asked), "restaurant",
                      "which is not 1000 times");
}

TEST_CASE("what a peer says stays small and printable in the message") {
  ConsumerVerdict verdict = SampleConsumerVerdict();
  verdict.order_id = std::string(100'000, '\n');
  const std::string message = MessageOf(Believed(verdict));
  REQUIRE(message.size() < 500);
  REQUIRE(message.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace lockstep::order
