// The styles, one row each: how the two questions are asked, what a waiting order holds, and what
// is written with an order that is answered before it is judged. Adding a style is one file of
// checks and one row.
//
// Threads: built before the first order; the row of a style is found from any thread.
#pragma once

#include <memory>
#include <vector>

#include "common/base/cancellation.h"
#include "common/rpc/completion_loop.h"
#include "lockstep/consumer/v1/account.grpc.pb.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"
#include "order/checks/checkout_commands.h"
#include "order/checks/copies.h"
#include "order/ports.h"

namespace lockstep::order {

// The two checks of a style, for the orders of one loop.
struct Checks {
  std::unique_ptr<ConsumerCheck> consumer;
  std::unique_ptr<MenuCheck> menu;
  std::unique_ptr<BesideOrder> beside = nullptr;      // what is written with an order; may be null
  std::unique_ptr<CheckoutSteps> checkout = nullptr;  // null: it goes on when the order is kept
};

// What the rows build their checks from. Outlives them.
struct StyleParts {
  consumer::v1::ConsumerService::Stub& consumer;
  restaurant::v1::RestaurantService::Stub& restaurant;
  consumer::v1::AccountService::Stub& account;
  CancelSource& stopping;  // cancelled when the server gives up what is under way
  const Copies& copies;
};

struct StyleRow {
  Style style;
  // True: placing an order holds a thread until the answer, so the queue shell hands it to the
  // pool.
  bool holds_thread;
  Checks (*make_checks)(const StyleParts& parts, rpc::CompletionLoop& loop);
  // True: the answer waits for Consumer and Restaurant themselves, so it has their cost in it.
  bool asks_peers = false;
  // The copies that answer in place of the peers; null: none do.
  const CopyBooks& (Copies::*books)() const = nullptr;
  // What the checkout of an order that is kept has to say, in the transaction in which it changes;
  // null: the neighbours see it in Order's feed.
  Status (*say)(store::Database& database, const Order* before, const Order& after) = SayCheckout;
};

// All styles, in the order of the enum.
const std::vector<StyleRow>& StyleTable();
const StyleRow& RowOf(Style style);

// The checks of every style for every loop.
class StyleChecks {
 public:
  StyleChecks(const StyleParts& parts, const std::vector<rpc::CompletionLoop*>& loops);
  const Checks& For(Style style, const rpc::CompletionLoop& loop) const;

 private:
  struct OfLoop {
    const rpc::CompletionLoop* loop;
    std::vector<Checks> by_style;
  };
  std::vector<OfLoop> loops_;
};

}  // namespace lockstep::order
