// Records of owners as they come, and the file of Order that keeps copies of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/rpc/proto_values.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "order/checks/copy_follower.h"
#include "tests/order/stored.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {

// The nth second of a test.
inline WallTime At(double second) {
  return kThen + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(second));
}

inline consumer::v1::Consumer ConsumerAt(const std::string& id, std::int64_t version,
                                         WallTime update_time, std::int64_t limit_units = 500) {
  consumer::v1::Consumer consumer;
  consumer.set_consumer_id(id);
  consumer.set_display_name("Somebody");
  consumer.set_state(consumer::v1::Consumer::STATE_ACTIVE);
  consumer.mutable_order_limit()->set_currency_code("GBP");
  consumer.mutable_order_limit()->set_units(limit_units);
  consumer.set_version(version);
  rpc::SetTime(update_time, consumer.mutable_update_time());
  return consumer;
}

// Sells soup.
inline restaurant::v1::Restaurant RestaurantAt(const std::string& id, std::int64_t version,
                                               WallTime update_time, std::int64_t price_units = 6) {
  restaurant::v1::Restaurant restaurant;
  restaurant.set_restaurant_id(id);
  restaurant.set_display_name("The Corner");
  restaurant.set_opening_state(restaurant::v1::Restaurant::OPENING_STATE_OPEN);
  restaurant.mutable_minimum_order()->set_currency_code("GBP");
  auto* item = restaurant.add_menu_items();
  item->set_menu_item_id("soup");
  item->set_display_name("Soup");
  item->set_availability(restaurant::v1::MenuItem::AVAILABILITY_AVAILABLE);
  item->mutable_price()->set_currency_code("GBP");
  item->mutable_price()->set_units(price_units);
  restaurant.set_version(version);
  rpc::SetTime(update_time, restaurant.mutable_update_time());
  return restaurant;
}

template <typename Message>
message::v1::Change ChangeOf(const std::string& key, const Message& payload) {
  message::v1::Change change;
  change.set_type(std::string(Message::descriptor()->full_name()));
  change.set_key(key);
  change.set_payload(payload.SerializeAsString());
  return change;
}
inline message::v1::Change ChangeOf(const consumer::v1::Consumer& consumer) {
  return ChangeOf(consumer.consumer_id(), consumer);
}
inline message::v1::Change ChangeOf(const restaurant::v1::Restaurant& restaurant) {
  return ChangeOf(restaurant.restaurant_id(), restaurant);
}

// An order of ann at the corner that is to be VALIDATED by these versions.
inline Order JudgedBy(Style style, WallTime judge_time, std::int64_t consumer_version,
                      std::int64_t restaurant_version) {
  static std::uint64_t nth = 0;
  Order order = Plain(judge_time - std::chrono::milliseconds(2), ++nth);
  order.style = style;
  order.consumer_id = "ann";
  order.restaurant_id = "corner";
  order.total = Money::FromTotalNanos("GBP", 6'000'000'000);
  ConsumerVerdict& consumer = order.consumer_verdict.emplace();
  consumer.accepted = true;
  consumer.order_limit = Money::FromTotalNanos("GBP", 500'000'000'000);
  consumer.consumer_version = consumer_version;
  consumer.judge_time = judge_time;
  MenuVerdict& menu = order.menu_verdict.emplace();
  menu.accepted = true;
  menu.restaurant_version = restaurant_version;
  menu.judge_time = judge_time;
  return order;
}

// Order's file, with the two followers and the books that they fill. What a real subscriber would
// tell a follower, a test does.
struct Copied {
  explicit Copied(std::string file) : path(std::move(file)) { Open(); }

  void Open() {
    followers.reset();
    store = OpenOrFail(path);
    followers = std::make_unique<Followers>(*store, clock);
    const Status loaded = Await<Status>([this](auto done) {
      store->file().readers().Read(
          [this](store::Database& database) {
            Status status = followers->consumers.Load(database);
            return status.ok() ? followers->restaurants.Load(database) : status;
          },
          Deadline::Never(), std::move(done));
    });
    INFO(MessageOf(loaded));
    REQUIRE(loaded.ok());
  }
  void Reopen() {
    store->Stop();
    Open();
  }

  struct Followers {
    Followers(SqliteOrderStore& store, const Clock& clock)
        : counts{.orders_stale = store.orders_on_stale_data()},
          consumers(store.file(), books.consumers, counts, clock),
          restaurants(store.file(), books.restaurants, counts, clock) {}
    CopyBooks books;
    CopyCounts counts;
    CopyFollower<ConsumerRecords> consumers;
    CopyFollower<RestaurantRecords> restaurants;
  };

  CopyBook<ConsumerCopy>& consumers() { return followers->books.consumers; }
  CopyBook<RestaurantCopy>& restaurants() { return followers->books.restaurants; }
  CopyFollower<ConsumerRecords>& consumer_feed() { return followers->consumers; }
  CopyFollower<RestaurantRecords>& restaurant_feed() { return followers->restaurants; }
  const CopyCounts& counts() const { return followers->counts; }

  bool Stale(const Order& order) {
    return GetNow(*store, order.order_id).value()->accepted_on_stale_data;
  }

  const std::string path;
  ManualClock clock;
  std::unique_ptr<SqliteOrderStore> store;
  std::unique_ptr<Followers> followers;
};

// A whole snapshot with these entries.
template <typename Follower>
void TakeSnapshot(Follower& follower, const std::vector<message::v1::Change>& entries,
                  const message::FeedPosition& position) {
  REQUIRE(follower.BeginSnapshot().ok());
  for (const message::v1::Change& entry : entries) REQUIRE(follower.AddToSnapshot({entry}).ok());
  const Status ended = follower.EndSnapshot(position);
  INFO(MessageOf(ended));
  REQUIRE(ended.ok());
}

}  // namespace lockstep::order
