// What Order makes of a copy against what the owner itself says on the same record: thousands of
// random records go the way they go in life, as the message of a change, and both judges answer the
// same questions.
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "consumer/domain/judge.h"
#include "consumer/service/convert.h"
#include "order/checks/copy_reader.h"
#include "order/checks/wire.h"
#include "order/domain/copy.h"
#include "restaurant/domain/judge.h"
#include "restaurant/service/convert.h"
#include "tests/support/catch.h"

namespace lockstep::order {
namespace {

constexpr WallTime kNow = WallTime(std::chrono::hours(480'000));
constexpr int kRounds = 5'000;

class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::uint64_t Below(std::uint64_t end) { return random_() % end; }
  bool OneIn(std::uint64_t count) { return Below(count) == 0; }
  const std::string& Of(const std::vector<std::string>& values) {
    return values[Below(values.size())];
  }
  std::string Item() { return fmt::format("item-{}", Below(24)); }
  std::string PostalCode() {
    return Of({"CB2 1RX", "cb21rx", "CB2", "N1 1AA", "n1", "SW1A 1AA", "sw1a1aa", " C B 2 1RX"});
  }
  Money Amount(std::int64_t least, const std::string& currency) {
    constexpr std::int64_t kMost = Money::kUnitsMax * Money::kNanosPerUnit;
    const std::int64_t nanos = OneIn(12) ? kMost - static_cast<std::int64_t>(Below(1'000))
                                         : static_cast<std::int64_t>(Below(30'000'000'000));
    return Money::FromTotalNanos(currency, std::max(least, nanos));
  }

 private:
  std::mt19937_64 random_;
};

consumer::Consumer RandomConsumer(Random& random) {
  consumer::Consumer consumer;
  consumer.consumer_id = "ann";
  consumer.display_name = "Ann";
  consumer.state = random.OneIn(4) ? consumer::State::kSuspended : consumer::State::kActive;
  consumer.order_limit = random.Amount(1, random.OneIn(2) ? "GBP" : "EUR");
  consumer.version = static_cast<std::int64_t>(1 + random.Below(100));
  consumer.create_time = kNow - std::chrono::hours(2);
  consumer.update_time = kNow - Duration(random.Below(1'000'000'000'000));
  return consumer;
}

restaurant::Restaurant RandomRestaurant(Random& random) {
  restaurant::Restaurant restaurant;
  restaurant.restaurant_id = "corner";
  restaurant.display_name = "The Corner";
  restaurant.opening_state =
      random.OneIn(6) ? restaurant::OpeningState::kClosed : restaurant::OpeningState::kOpen;
  restaurant.minimum_order = random.Amount(0, "GBP");
  std::vector<std::string> prefixes;
  for (std::uint64_t i = random.Below(4); i > 0; --i) prefixes.push_back(random.PostalCode());
  restaurant.delivery_area = restaurant::DeliveryArea(std::move(prefixes));
  std::vector<restaurant::MenuItem> items;
  std::set<std::string> ids;
  for (std::uint64_t i = random.Below(40); i > 0; --i) {
    const std::string id = random.Item();
    if (!ids.insert(id).second) continue;
    items.push_back({id, "Dish " + id, random.Amount(0, "GBP"),
                     random.OneIn(8) ? restaurant::Availability::kSoldOut
                                     : restaurant::Availability::kAvailable,
                     ""});
  }
  restaurant.menu = restaurant::Menu(std::move(items));
  restaurant.version = static_cast<std::int64_t>(1 + random.Below(100));
  restaurant.create_time = kNow - std::chrono::hours(2);
  restaurant.update_time = kNow - Duration(random.Below(1'000'000'000'000));
  return restaurant;
}

MenuQuestion RandomQuestion(Random& random) {
  MenuQuestion question;
  question.order_id = "018f0000-0000-7000-8000-000000000001";
  question.restaurant_id = "corner";
  for (std::uint64_t i = 1 + random.Below(6); i > 0; --i) {
    const auto most = static_cast<std::uint64_t>(random.OneIn(4) ? limits::kQuantityMax : 3);
    question.lines.push_back({random.Item(), static_cast<std::int32_t>(1 + random.Below(most))});
  }
  question.delivery_address = {"1 Mill Lane", "Cambridge", random.PostalCode()};
  return question;
}

// The owner's verdict as Order would get it by asking.
ConsumerVerdict AsAsked(const consumer::Consumer* consumer, const ConsumerQuestion& question) {
  consumer::v1::ConsumerVerdict said;
  SetProto(consumer::Judge(consumer, {question.order_id, question.consumer_id, {}}, kNow, "node"),
           &said);
  return ConsumerWire::FromVerdict(said).value();
}

MenuVerdict AsAsked(const restaurant::Restaurant* restaurant, const MenuQuestion& question) {
  restaurant::Question asked;
  asked.order_id = question.order_id;
  asked.restaurant_id = question.restaurant_id;
  for (const OrderLine& line : question.lines) {
    asked.lines.push_back({line.menu_item_id, line.quantity});
  }
  const Address& address = question.delivery_address;
  asked.delivery_address = {address.street, address.city, address.postal_code};
  restaurant::v1::OrderDetailsVerdict said;
  SetProto(restaurant::Judge(restaurant, asked, kNow, "node"), &said);
  return RestaurantWire::FromVerdict(said).value();
}

// What of a verdict's reasons there was, so that a test that never meets one is noticed.
template <typename Verdict>
void Count(const Verdict& verdict, std::map<std::string, int>& met) {
  if (verdict.accepted) ++met["ACCEPTED"];
  for (const Refusal& refusal : verdict.refusals) ++met[refusal.reason];
}

TEST_CASE("copies: a consumer's copy judges as Consumer does") {
  Random random(1);
  std::map<std::string, int> met;
  const ConsumerQuestion question{"018f0000-0000-7000-8000-000000000001", "ann"};
  for (int round = 0; round < kRounds; ++round) {
    const consumer::Consumer consumer = RandomConsumer(random);
    consumer::v1::Consumer message;
    SetProto(consumer, &message);
    const auto copy = ConsumerRecords::Read("ann", message.SerializeAsString());
    INFO(round << " " << MessageOf(copy.status()));
    REQUIRE(copy.ok());
    const ConsumerVerdict verdict = JudgeByCopy(&*copy, question, kNow, "node");
    REQUIRE(verdict == AsAsked(&consumer, question));
    Count(verdict, met);
  }
  const ConsumerVerdict unknown =
      JudgeByCopy(static_cast<const ConsumerCopy*>(nullptr), question, kNow, "node");
  CHECK(unknown == AsAsked(static_cast<const consumer::Consumer*>(nullptr), question));
  Count(unknown, met);
  for (const char* reason : {"ACCEPTED", "CONSUMER_SUSPENDED", "CONSUMER_UNKNOWN"}) {
    INFO(reason);
    CHECK(met[reason] > 0);
  }
}

TEST_CASE("copies: a restaurant's copy judges and prices as Restaurant does") {
  Random random(2);
  std::map<std::string, int> met;
  for (int round = 0; round < kRounds; ++round) {
    const restaurant::Restaurant restaurant = RandomRestaurant(random);
    restaurant::v1::Restaurant message;
    SetProto(restaurant, &message);
    const auto copy = RestaurantRecords::Read("corner", message.SerializeAsString());
    INFO(round << " " << MessageOf(copy.status()));
    REQUIRE(copy.ok());
    for (int asked = 0; asked < 4; ++asked) {
      const MenuQuestion question = RandomQuestion(random);
      const MenuVerdict verdict = JudgeByCopy(&*copy, question, kNow, "node");
      REQUIRE(verdict == AsAsked(&restaurant, question));
      Count(verdict, met);
    }
  }
  const MenuQuestion question = RandomQuestion(random);
  const MenuVerdict unknown =
      JudgeByCopy(static_cast<const RestaurantCopy*>(nullptr), question, kNow, "node");
  CHECK(unknown == AsAsked(static_cast<const restaurant::Restaurant*>(nullptr), question));
  Count(unknown, met);
  for (const char* reason : {"ACCEPTED", "RESTAURANT_CLOSED", "RESTAURANT_UNKNOWN",
                             "MENU_ITEM_UNKNOWN", "MENU_ITEM_SOLD_OUT", "MINIMUM_ORDER_NOT_MET",
                             "OUTSIDE_DELIVERY_AREA", "TOTAL_TOO_LARGE"}) {
    INFO(reason);
    CHECK(met[reason] > 10 * (std::string(reason) != "RESTAURANT_UNKNOWN"));
  }
  CHECK(met["RESTAURANT_UNKNOWN"] == 1);
}

TEST_CASE("copies: a message that could not be true makes no copy") {
  Random random(3);
  restaurant::Restaurant good = RandomRestaurant(random);
  good.menu = restaurant::Menu(
      {{"soup", "Soup", Money::FromTotalNanos("GBP", 5), restaurant::Availability::kAvailable, ""},
       {"bread", "Bread", Money::FromTotalNanos("GBP", 0), restaurant::Availability::kSoldOut,
        ""}});
  restaurant::v1::Restaurant message;
  SetProto(good, &message);
  const auto read = [](const restaurant::v1::Restaurant& said) {
    return RestaurantRecords::Read("corner", said.SerializeAsString()).status();
  };
  REQUIRE(read(message).ok());
  const std::vector<std::pair<std::string, std::function<void(restaurant::v1::Restaurant&)>>>
      damages = {
          {"is \"other\"", [](auto& r) { r.set_restaurant_id("other"); }},
          {"version 0", [](auto& r) { r.set_version(0); }},
          {"version -3", [](auto& r) { r.set_version(-3); }},
          {"update_time", [](auto& r) { r.clear_update_time(); }},
          {"opening state 0", [](auto& r) { r.clear_opening_state(); }},
          {"minimum_order", [](auto& r) { r.clear_minimum_order(); }},
          {"minimum_order", [](auto& r) { r.mutable_minimum_order()->set_units(-1); }},
          {"\"soup\"", [](auto& r) { r.mutable_menu_items(0)->mutable_price()->set_nanos(-5); }},
          {"\"soup\"",
           [](auto& r) { r.mutable_menu_items(0)->mutable_price()->set_currency_code("EUR"); }},
          {"availability 0", [](auto& r) { r.mutable_menu_items(1)->clear_availability(); }},
          {"item \"soup\" twice", [](auto& r) { *r.add_menu_items() = r.menu_items(0); }},
          {"without an id", [](auto& r) { r.mutable_menu_items(1)->clear_menu_item_id(); }},
      };
  for (const auto& [says, damage] : damages) {
    restaurant::v1::Restaurant damaged = message;
    damage(damaged);
    const Status status = read(damaged);
    INFO(says << ": " << MessageOf(status));
    CHECK(DetailOf(status).reason == "COPY_CORRUPT");
    CHECK(MessageOf(status).find(says) != std::string::npos);
  }
  CHECK(!RestaurantRecords::Read("corner", "\xff\xff").ok());
  CHECK(!ConsumerRecords::Read("ann", "").ok());

  consumer::v1::Consumer consumer;
  SetProto(RandomConsumer(random), &consumer);
  REQUIRE(ConsumerRecords::Read("ann", consumer.SerializeAsString()).ok());
  consumer.mutable_order_limit()->set_units(0);
  consumer.mutable_order_limit()->set_nanos(0);
  CHECK(!ConsumerRecords::Read("ann", consumer.SerializeAsString()).ok());
}

}  // namespace
}  // namespace lockstep::order
