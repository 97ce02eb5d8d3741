// A store of orders in a file, with each of its methods called and waited for.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "order/store/order_store.h"
#include "tests/order/random_order.h"
#include "tests/support/catch.h"

namespace lockstep::order {

inline constexpr WallTime kThen = WallTime(std::chrono::hours(480'000));

inline std::unique_ptr<SqliteOrderStore> OpenOrFail(const std::string& path) {
  auto store = SqliteOrderStore::Open(path);
  INFO(MessageOf(store.status()));
  REQUIRE(store.ok());
  return *std::move(store);
}

// Calls and waits for the answer.
template <class Value, class Call>
Value Await(Call call) {
  const auto answer = std::make_shared<std::promise<Value>>();
  std::future<Value> future = answer->get_future();
  call([answer](Value value) { answer->set_value(std::move(value)); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    FAIL("no answer");
  }
  return future.get();
}

inline InsertResult InsertNow(SqliteOrderStore& store, const Order& order,
                              const std::string& fingerprint = "f",
                              Deadline not_after = Deadline::Never()) {
  return Await<InsertResult>([&](auto done) {
    store.Insert(std::make_shared<const Order>(order), fingerprint, nullptr, not_after,
                 std::move(done));
  });
}

inline StatusOr<std::shared_ptr<const Order>> GetNow(SqliteOrderStore& store,
                                                     const std::string& order_id,
                                                     Deadline not_after = Deadline::Never()) {
  return Await<StatusOr<std::shared_ptr<const Order>>>(
      [&](auto done) { store.Get(order_id, not_after, std::move(done)); });
}

inline StatusOr<std::optional<StoredOutcome>> FindNow(SqliteOrderStore& store,
                                                      const std::string& request_id) {
  return Await<StatusOr<std::optional<StoredOutcome>>>(
      [&](auto done) { store.FindByRequestId(request_id, std::move(done)); });
}

inline StatusOr<std::shared_ptr<const Order>> CancelNow(SqliteOrderStore& store,
                                                        const std::string& order_id, WallTime now,
                                                        Deadline not_after = Deadline::Never()) {
  return Await<StatusOr<std::shared_ptr<const Order>>>(
      [&](auto done) { store.Cancel(order_id, now, not_after, std::move(done)); });
}

inline int PurgeNow(SqliteOrderStore& store, WallTime before) {
  return Await<StatusOr<int>>([&](auto done) { store.PurgeRequestIds(before, std::move(done)); })
      .value();
}

// All pages, as order ids.
inline std::vector<std::string> ListAll(SqliteOrderStore& store, const OrderFilter& filter,
                                        int page_size) {
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    const OrderPage page =
        Await<StatusOr<OrderPage>>([&](auto done) {
          store.List(filter, page_size, after, Deadline::Never(), std::move(done));
        }).value();
    REQUIRE(page.orders.size() <= static_cast<std::size_t>(page_size));
    REQUIRE((!page.more || page.orders.size() == static_cast<std::size_t>(page_size)));
    for (const Order& order : page.orders) ids.push_back(order.order_id);
    if (!page.more) return ids;
    after = ids.back();
  }
}

// A small order.
inline Order Plain(WallTime time, std::uint64_t nth, OrderState state = OrderState::kValidated) {
  Order order;
  order.order_id = IdAt(time, nth);
  order.request_id = fmt::format("r-{}-{}", time.time_since_epoch().count(), nth);
  order.consumer_id = fmt::format("consumer-{}", nth % 3);
  order.restaurant_id = fmt::format("restaurant-{}", nth % 2);
  order.lines = {{"korma", "", 1, Money(), Money()}};
  order.delivery_address = {"1 Mill Lane", "Cambridge", "CB2 1RX"};
  order.state = state;
  order.create_time = time;
  order.update_time = time;
  order.changes = {{state, time}};
  return order;
}

}  // namespace lockstep::order
