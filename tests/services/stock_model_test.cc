// Random commands from a seed against a simple model: after each of them stocked = sold + reserved
// + left for every item, and every reservation is in the state that the model says.
#include <map>
#include <random>

#include "common/store/transaction.h"
#include "restaurant/store/restaurant_table.h"
#include "restaurant/store/stock_table.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::restaurant {
namespace {

using State = ReservationState;
constexpr WallTime kBegin = WallTime(std::chrono::hours(480'000));
const std::vector<std::string> kItems = {"naan", "korma", "rice"};  // rice is never limited

// What each order has, said in the plainest way.
struct Model {
  struct Order {
    State state = State::kUnspecified;
    std::map<std::string, int> wants;
    WallTime expire_time;
  };
  std::map<std::string, std::int64_t> stocked = {{"naan", 20}, {"korma", 20}};
  std::map<std::string, Order> orders;
  WallTime now = kBegin;

  std::int64_t In(State state, const std::string& item) const {
    std::int64_t sum = 0;
    for (const auto& [id, order] : orders) {
      if (order.state != state) continue;
      const auto want = order.wants.find(item);
      if (want != order.wants.end()) sum += want->second;
    }
    return sum;
  }
  std::int64_t Left(const std::string& item) const {
    return stocked.at(item) - In(State::kHeld, item) - In(State::kConfirmed, item);
  }
  bool Fits(const Order& order) const {
    for (const auto& [item, count] : order.wants) {
      if (stocked.contains(item) && Left(item) < count) return false;
    }
    return true;
  }
  void Expire() {
    for (auto& [id, order] : orders) {
      if (order.state == State::kHeld && order.expire_time <= now) order.state = State::kExpired;
    }
  }
};

std::string Reason(const Status& status) { return status.ok() ? "OK" : DetailOf(status).reason; }

class Sequence {
 public:
  explicit Sequence(unsigned seed) : random_(seed) {
    auto database = store::OpenWithSchema(dir_.File("r.db"), RestaurantTable::kSchema);
    REQUIRE(database.ok());
    database_ = *std::move(database);
    REQUIRE(database_->Run("PRAGMA foreign_keys = OFF").ok());
    StockChange change{.restaurant_id = "r1", .items = {{"naan", 20}, {"korma", 20}}};
    InTransaction([&] { return SetStock(*database_, change, kBegin).status(); });
  }

  void Step() {
    model_.now += std::chrono::seconds(Upto(3));
    const std::string order = "o" + std::to_string(Upto(40));
    const int command = Upto(12);
    if (command < 5) {
      Reserve(order);
    } else if (command < 8) {
      Confirm(order);
    } else if (command < 10) {
      Release(order);
    } else if (command == 10) {
      InTransaction([&] { return ExpireReservations(*database_, model_.now, 2).status(); });
    } else {
      Restock();
    }
    Compare();
  }

 private:
  int Upto(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }

  template <typename Work>
  void InTransaction(Work work) {
    auto transaction = store::Transaction::Begin(*database_);
    REQUIRE(transaction.ok());
    const Status status = work();
    INFO(MessageOf(status));
    REQUIRE(status.ok());
    REQUIRE(transaction->Commit().ok());
  }

  template <typename Request>
  std::string Said(const Request& request) {
    std::string said;
    InTransaction([&] {
      const auto done = Carry(*database_, request, model_.now);
      if (done.ok()) said = Reason(done->refusal);
      return done.status();
    });
    return said;
  }

  void Reserve(const std::string& id) {
    model_.Expire();
    Model::Order& order = model_.orders[id];
    Model::Order wanted;
    const bool fresh = order.state == State::kUnspecified || order.wants.empty();
    ReserveRequest request;
    request.order_id = id;
    request.restaurant_id = "r1";
    if (fresh || Upto(9) == 0) {
      for (const std::string& item : kItems) {
        if (const int count = Upto(3); count > 0) request.lines.push_back({item, count});
      }
      if (request.lines.empty()) request.lines.push_back({"naan", 1});
    } else {
      for (const auto& [item, count] : order.wants) request.lines.push_back({item, count});
    }
    for (const OrderLine& line : request.lines) wanted.wants[line.menu_item_id] = line.quantity;
    request.expire_time = model_.now + std::chrono::seconds(1 + Upto(60));
    std::string expected = "OK";
    if (!fresh && wanted.wants != order.wants) {
      expected = "RESERVATION_ID_REUSED";
    } else if (order.state == State::kReleased) {
      expected = "RESERVATION_RELEASED";
    } else if (order.state != State::kHeld && order.state != State::kConfirmed) {
      if (model_.Fits(wanted)) {
        order = {State::kHeld, wanted.wants, request.expire_time};
      } else {
        expected = "OUT_OF_STOCK";
      }
    }
    std::sort(request.lines.begin(), request.lines.end(),
              [](const auto& a, const auto& b) { return a.menu_item_id < b.menu_item_id; });
    CHECK(Said(request) == expected);
    if (order.state == State::kUnspecified) model_.orders.erase(id);
  }

  void Confirm(const std::string& id) {
    const auto found = model_.orders.find(id);
    std::string expected = "OK";
    if (found == model_.orders.end()) {
      expected = "RESERVATION_UNKNOWN";
    } else if (Model::Order& order = found->second; order.state == State::kReleased) {
      expected = "RESERVATION_RELEASED";
    } else if (order.state != State::kConfirmed) {
      // One that is due and that nobody has ended yet still has its portions.
      const bool has = State(StateOf(id)) == State::kHeld;
      order.state = has ? State::kHeld : State::kExpired;
      if (!has) model_.Expire();
      if (has || model_.Fits(order)) {
        order.state = State::kConfirmed;
      } else {
        expected = "OUT_OF_STOCK";
      }
    }
    CHECK(Said(ConfirmRequest{id, "r1"}) == expected);
  }

  void Release(const std::string& id) {
    const bool after_confirmation = Upto(1) == 1;
    Model::Order& order = model_.orders[id];
    const bool refused = order.state == State::kConfirmed && !after_confirmation;
    if (!refused) order.state = State::kReleased;
    CHECK(Said(ReleaseRequest{id, "r1", after_confirmation}) ==
          (refused ? "RESERVATION_CONFIRMED" : "OK"));
  }

  void Restock() {
    model_.Expire();
    const std::string item = kItems[static_cast<std::size_t>(Upto(1))];
    const std::int64_t stocked = Upto(60);
    const std::int64_t taken = model_.stocked[item] - model_.Left(item);
    std::string said;
    InTransaction([&] {
      const auto done =
          SetStock(*database_, {.restaurant_id = "r1", .items = {{item, stocked}}}, model_.now);
      if (done.ok()) said = Reason(done->refusal);
      return done.status();
    });
    CHECK(said == (stocked < taken ? "STOCK_BELOW_SOLD" : "OK"));
    if (stocked >= taken) model_.stocked[item] = stocked;
  }

  // As it is written.
  int StateOf(const std::string& id) {
    store::Statement row =
        database_->Query("SELECT state FROM reservations WHERE order_id = ?1", id);
    const int state = row.Step() ? row.Int(0) : 0;
    REQUIRE(row.Finish().ok());
    return state;
  }

  void Compare() {
    model_.Expire();
    std::vector<StockItem> items;
    REQUIRE(
        ReadStock(*database_, {.restaurant_id = "r1", .menu_item_ids = kItems}, model_.now, items)
            .ok());
    for (const StockItem& item : items) {
      INFO(item.menu_item_id);
      if (item.menu_item_id == "rice") {
        REQUIRE(item == StockItem{"r1", "rice", std::nullopt, 0, 0});
        continue;
      }
      REQUIRE(item.stocked == model_.stocked[item.menu_item_id]);
      REQUIRE(item.reserved == model_.In(State::kHeld, item.menu_item_id));
      REQUIRE(item.sold == model_.In(State::kConfirmed, item.menu_item_id));
      REQUIRE(item.Left() >= 0);
    }
    const auto listed = ReadReservations(*database_, "", State::kUnspecified, 1000, model_.now);
    REQUIRE(listed.ok());
    std::size_t known = 0;
    for (const auto& [id, order] : model_.orders) known += order.wants.empty() ? 0 : 1;
    REQUIRE(listed->size() == known);
    for (const Reservation& reservation : *listed) {
      INFO(reservation.order_id);
      REQUIRE(reservation.state == model_.orders[reservation.order_id].state);
    }
  }

  std::mt19937 random_;
  lockstep::test::TempDir dir_;
  std::unique_ptr<store::Database> database_;
  Model model_;
};

TEST_CASE("stocked = sold + reserved + left after each of any commands, as a simple model says") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    Sequence sequence(seed);
    for (int step = 0; step < 300; ++step) {
      INFO("seed " << seed << ", step " << step);
      sequence.Step();
    }
  }
}

}  // namespace
}  // namespace lockstep::restaurant
