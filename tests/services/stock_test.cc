// Stock by calls: what is set aside, sold and given back; repeated, refused, expired, at once.
#include <atomic>
#include <limits>

#include "tests/services/order_peer.h"
#include "tests/services/stocks.h"

namespace lockstep::test {
namespace {

struct Kitchen {
  TempDir dir;
  Restaurants service{dir.File("r.db")};

  explicit Kitchen(std::int64_t stocked = 10) {
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1")).ok());
    REQUIRE(Said(service.Call(&RestaurantStub::SetStock, Stock("i0", stocked))) == "OK");
  }
  std::string Reserve(const rv1::ReserveItemsRequest& request) {
    return StateIn(service.Call(&RestaurantStub::ReserveItems, request));
  }
  std::string Release(const rv1::ReleaseItemsRequest& request) {
    return StateIn(service.Call(&RestaurantStub::ReleaseItems, request));
  }
  std::string Confirm(const std::string& order) {
    return StateIn(service.Call(&RestaurantStub::ConfirmItems, test::Confirm(order)));
  }
  std::string Left(const std::string& item = "i0") { return StockOf(service, item); }
  // As if the time of all that is held were over.
  void LetExpire() {
    std::promise<Status> written;
    service.file().writer().Submit(
        [](store::Database& database) {
          return database.Run("UPDATE reservations SET expire_time = 1 WHERE state = 1");
        },
        Deadline::Never(),
        [&](const store::CommitResult& result) { written.set_value(result.status); });
    REQUIRE(written.get_future().get().ok());
  }
};

TEST_CASE("portions are reserved, sold and given back, and each step repeated changes nothing") {
  Kitchen kitchen;
  const auto request = Reserve("o1", "i0", 3);
  for (int i = 0; i < 2; ++i) {
    CHECK(kitchen.Reserve(request) == "HELD");
    CHECK(kitchen.Left() == "10: 3 reserved, 0 sold, 7 left");
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(kitchen.Confirm("o1") == "CONFIRMED");
    CHECK(kitchen.Left() == "10: 0 reserved, 3 sold, 7 left");
  }
  CHECK(kitchen.Reserve(request) == "CONFIRMED");
  CHECK(kitchen.Release(Release("o1")) == "FAILED_PRECONDITION RESERVATION_CONFIRMED");
  CHECK(kitchen.Left() == "10: 0 reserved, 3 sold, 7 left");
  for (int i = 0; i < 2; ++i) {
    CHECK(kitchen.Release(Release("o1", true)) == "RELEASED");
    CHECK(kitchen.Left() == "10: 0 reserved, 0 sold, 10 left");
  }
  CHECK(kitchen.Confirm("o1") == "FAILED_PRECONDITION RESERVATION_RELEASED");
  CHECK(kitchen.Reserve(request) == "FAILED_PRECONDITION RESERVATION_RELEASED");
}

TEST_CASE("a release that comes before its reservation refuses it") {
  Kitchen kitchen;
  for (int i = 0; i < 2; ++i) CHECK(kitchen.Release(Release("o1")) == "RELEASED");
  CHECK(kitchen.Reserve(Reserve("o1", "i0", 1)) == "FAILED_PRECONDITION RESERVATION_RELEASED");
  CHECK(kitchen.Left() == "10: 0 reserved, 0 sold, 10 left");
  const auto all =
      kitchen.service.Call(&RestaurantStub::ListReservations, rv1::ListReservationsRequest());
  REQUIRE(all.ok());
  CHECK(all->reservations_size() == 0);
}

TEST_CASE("all items or none, a refusal names what is short, and asking later may succeed") {
  Kitchen kitchen;
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 2)).ok());
  auto request = Reserve("o1", "i0", 2);
  *request.add_lines() = Reserve("o1", "i1", 2).lines(0);
  *request.add_lines() = Reserve("o1", "i1", 1).lines(0);  // adds up to 3
  const auto refused = kitchen.service.Call(&RestaurantStub::ReserveItems, request);
  CHECK(Said(refused) == "FAILED_PRECONDITION OUT_OF_STOCK");
  const ErrorDetail detail = DetailOf(refused.status());
  REQUIRE(detail.preconditions.size() == 1);
  CHECK(detail.preconditions[0] == FieldViolation{"i1", "3 wanted, 2 left"});
  CHECK(kitchen.Left("i0") == "10: 0 reserved, 0 sold, 10 left");
  CHECK(kitchen.Left("i1") == "2: 0 reserved, 0 sold, 2 left");
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 3)).ok());
  const auto reserved = kitchen.service.Call(&RestaurantStub::ReserveItems, request);
  REQUIRE(StateIn(reserved) == "HELD");
  REQUIRE(reserved->reservation().lines_size() == 2);
  CHECK(reserved->reservation().lines(1).quantity() == 3);
  CHECK(reserved->receipt().commit().batch() >= 1);
  CHECK(reserved->receipt().method() == "lockstep.restaurant.v1.RestaurantService/ReserveItems");
  CHECK(kitchen.Left("i1") == "3: 3 reserved, 0 sold, 0 left");
}

TEST_CASE("one order reserves one thing at one restaurant") {
  Kitchen kitchen;
  REQUIRE(kitchen.Reserve(Reserve("o1", "i0", 3)) == "HELD");
  CHECK(kitchen.Reserve(Reserve("o1", "i0", 4)) == "ALREADY_EXISTS RESERVATION_ID_REUSED");
  auto elsewhere = Reserve("o1", "i0", 3);
  elsewhere.set_restaurant_id("r2");
  CHECK(kitchen.Reserve(elsewhere) == "ALREADY_EXISTS RESERVATION_ID_REUSED");
  auto release = Release("o1");
  release.set_restaurant_id("r2");
  CHECK(kitchen.Release(release) == "ALREADY_EXISTS RESERVATION_ID_REUSED");
  auto in_other_words = Reserve("o1", "i0", 1);
  *in_other_words.add_lines() = Reserve("o1", "i0", 2).lines(0);
  CHECK(kitchen.Reserve(in_other_words) == "HELD");
  CHECK(kitchen.Left() == "10: 3 reserved, 0 sold, 7 left");
  CHECK(kitchen.Confirm("o2") == "FAILED_PRECONDITION RESERVATION_UNKNOWN");
}

TEST_CASE("an unlimited item is kept in the lines and not counted, until it is limited") {
  Kitchen kitchen;
  REQUIRE(kitchen.Reserve(Reserve("o1", "i1", 7)) == "HELD");
  CHECK(kitchen.Left("i1") == "unlimited: 0 reserved, 0 sold, 0 left");
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 5)).ok());
  CHECK(kitchen.Confirm("o1") == "CONFIRMED");
  CHECK(kitchen.Left("i1") == "5: 0 reserved, 0 sold, 5 left");
  REQUIRE(kitchen.Reserve(Reserve("o2", "i1", 2)) == "HELD");
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", -1)).ok());
  REQUIRE(kitchen.Reserve(Reserve("o3", "i1", 90)) == "HELD");
  CHECK(kitchen.Left("i1") == "unlimited: 92 reserved, 0 sold, 0 left");
  CHECK(Said(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 91))) ==
        "FAILED_PRECONDITION STOCK_BELOW_SOLD");
  CHECK(kitchen.Release(Release("o3")) == "RELEASED");
  CHECK(Said(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 2))) == "OK");
  CHECK(kitchen.Left("i1") == "2: 2 reserved, 0 sold, 0 left");
}

TEST_CASE("what has expired is free at once, confirmed it is taken again, if it is still there") {
  Kitchen kitchen;
  REQUIRE(kitchen.Reserve(Reserve("o1", "i0", 8)) == "HELD");
  REQUIRE(kitchen.Reserve(Reserve("o2", "i0", 2)) == "HELD");
  REQUIRE(kitchen.Confirm("o2") == "CONFIRMED");
  CHECK(kitchen.Reserve(Reserve("o3", "i0", 5)) == "FAILED_PRECONDITION OUT_OF_STOCK");
  kitchen.LetExpire();
  CHECK(kitchen.Left() == "10: 0 reserved, 2 sold, 8 left");
  CHECK(kitchen.Reserve(Reserve("o3", "i0", 5)) == "HELD");
  CHECK(kitchen.Confirm("o1") == "FAILED_PRECONDITION OUT_OF_STOCK");
  CHECK(kitchen.Left() == "10: 5 reserved, 2 sold, 3 left");
  CHECK(kitchen.Release(Release("o3")) == "RELEASED");
  CHECK(kitchen.Confirm("o1") == "CONFIRMED");
  CHECK(kitchen.Left() == "10: 0 reserved, 10 sold, 0 left");
  CHECK(kitchen.Reserve(Reserve("o4", "i0", 1, -1s)) == "FAILED_PRECONDITION RESERVATION_EXPIRED");
}

TEST_CASE("regular work ends what is due, never what is confirmed, and forgets after a retention") {
  Kitchen kitchen;
  REQUIRE(kitchen.Reserve(Reserve("held", "i0", 1)) == "HELD");
  REQUIRE(kitchen.Reserve(Reserve("sold", "i0", 2)) == "HELD");
  REQUIRE(kitchen.Confirm("sold") == "CONFIRMED");
  REQUIRE(kitchen.Reserve(Reserve("due", "i0", 4)) == "HELD");
  const std::string path = kitchen.dir.File("r.db");
  kitchen.LetExpire();
  REQUIRE(kitchen.Reserve(Reserve("held", "i0", 1)) == "HELD");  // anew
  kitchen.service.service().Tick();
  kitchen.service.WaitForWriter();
  CHECK(CountIn(path, "SELECT count(*) FROM reservations WHERE state = 4") == 1);
  CHECK(CountIn(path, "SELECT reserved * 100 + sold FROM stock") == 102);
  REQUIRE(kitchen.Release(Release("never-came")) == "RELEASED");
  {
    auto database = *store::Database::Open(path, store::Mode::kReadWrite);
    REQUIRE(database->Execute("UPDATE reservations SET update_time = 1").ok());
  }
  Restaurants again(path);
  again.service().Tick();
  again.WaitForWriter();
  again.WaitForWriter();
  CHECK(CountIn(path, "SELECT count(*) FROM reservations") == 2);
  CHECK(CountIn(path, "SELECT count(*) FROM reservations WHERE state = 2") == 1);
  CHECK(StockOf(again, "i0") == "10: 1 reserved, 2 sold, 7 left");
}

TEST_CASE("the restaurant says which items are limited, and a new version only when that changes") {
  Kitchen kitchen;
  const auto get = [&] {
    return *kitchen.service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  };
  CHECK(get().version() == 2);
  CHECK(get().menu_items(0).limited());
  CHECK_FALSE(get().menu_items(1).limited());
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i0", 20)).ok());
  CHECK(get().version() == 2);
  CHECK(CountIn(kitchen.dir.File("r.db"), "SELECT count(*) FROM feed") == 2);
  const auto verdict =
      kitchen.service.Call(&RestaurantStub::ValidateOrderDetails, Order("r1", 2))->verdict();
  REQUIRE(verdict.lines_size() == 2);
  CHECK(verdict.lines(0).limited());
  CHECK_FALSE(verdict.lines(1).limited());
  auto revision = Revision("r1");
  *revision.add_put_items() = Item("i0", 500);
  REQUIRE(kitchen.service.Call(&RestaurantStub::ReviseMenu, revision).ok());
  CHECK(get().menu_items(0).limited());
  auto removal = Revision("r1");
  removal.add_remove_menu_item_ids("i0");
  CHECK(Said(kitchen.service.Call(&RestaurantStub::ReviseMenu, removal)) ==
        "INVALID_ARGUMENT INVALID_REQUEST remove_menu_item_ids[0]");
  auto created = NewRestaurant("r1");
  *created.mutable_restaurant()->mutable_menu_items(0) = Item("i0", 500);
  CHECK(Said(kitchen.service.Call(&RestaurantStub::CreateRestaurant, created)) == "OK");
  {
    Restaurants again(kitchen.dir.File("r.db"));
    const auto read = again.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
    REQUIRE(read.ok());
    CHECK(read->menu_items(0).limited());
  }
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i0", -1)).ok());
  CHECK_FALSE(get().menu_items(0).limited());
  CHECK(get().version() == 4);
  CHECK(Said(kitchen.service.Call(&RestaurantStub::ReviseMenu, removal)) == "OK");
}

TEST_CASE("stock of several restaurants is one question, reservations are a list of pages") {
  Kitchen kitchen;
  REQUIRE(kitchen.service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r2")).ok());
  REQUIRE(kitchen.service.Call(&RestaurantStub::SetStock, Stock("i1", 4, "r2")).ok());
  rv1::GetStockRequest request;
  request.add_queries()->set_restaurant_id("r1");
  request.add_queries()->set_restaurant_id("r2");
  request.add_queries()->set_restaurant_id("nowhere");
  request.mutable_queries(1)->add_menu_item_ids("i1");
  request.mutable_queries(1)->add_menu_item_ids("i0");
  const auto answer = kitchen.service.Call(&RestaurantStub::GetStock, request);
  REQUIRE(answer.ok());
  REQUIRE(answer->items_size() == 3);
  CHECK(answer->items(0).menu_item_id() == "i0");
  CHECK(answer->items(1).restaurant_id() == "r2");
  CHECK(Text(answer->items(1)) == "4: 0 reserved, 0 sold, 4 left");
  CHECK(Text(answer->items(2)) == "unlimited: 0 reserved, 0 sold, 0 left");

  for (const char* order : {"a", "b", "c", "d"}) {
    REQUIRE(kitchen.Reserve(Reserve(order, "i0", 1)) == "HELD");
  }
  REQUIRE(kitchen.Confirm("b") == "CONFIRMED");
  rv1::ListReservationsRequest list;
  list.set_page_size(2);
  list.set_state(rv1::Reservation::STATE_HELD);
  std::string seen;
  for (;;) {
    const auto page = kitchen.service.Call(&RestaurantStub::ListReservations, list);
    REQUIRE(page.ok());
    for (const auto& reservation : page->reservations()) seen += reservation.order_id();
    seen += '|';
    if (page->next_page_token().empty()) break;
    list.set_page_token(page->next_page_token());
  }
  CHECK(seen == "ac|d|");
  list.set_state(rv1::Reservation::STATE_CONFIRMED);
  CHECK(Said(kitchen.service.Call(&RestaurantStub::ListReservations, list)) ==
        "INVALID_ARGUMENT INVALID_REQUEST page_token");
}

TEST_CASE("what cannot be asked about stock is refused with the field") {
  Kitchen kitchen;
  auto& service = kitchen.service;
  const auto set = [&](const rv1::SetStockRequest& request) {
    return Said(service.Call(&RestaurantStub::SetStock, request));
  };
  CHECK(set(Stock("i9", 1)) == "INVALID_ARGUMENT INVALID_REQUEST items[0].menu_item_id");
  CHECK(set(Stock("i0", 1, "r9")) == "NOT_FOUND RESTAURANT_UNKNOWN");
  CHECK(set(Stock("i0", limits::kStockedMax + 1)) ==
        "INVALID_ARGUMENT INVALID_REQUEST items[0].stocked");
  auto twice = Stock("i0", 1);
  *twice.add_items() = twice.items(0);
  CHECK(set(twice) == "INVALID_ARGUMENT INVALID_REQUEST items[1].menu_item_id");
  CHECK(set(rv1::SetStockRequest()) == "INVALID_ARGUMENT INVALID_REQUEST restaurant_id items");
  CHECK(kitchen.Reserve(rv1::ReserveItemsRequest()) ==
        "INVALID_ARGUMENT INVALID_REQUEST order_id restaurant_id lines expire_time");
  CHECK(kitchen.Reserve(Reserve("o1", "i0", 0)) ==
        "INVALID_ARGUMENT INVALID_REQUEST lines[0].quantity");
  CHECK(kitchen.Reserve(Reserve("o1", "i0", 1, 25h)) ==
        "INVALID_ARGUMENT INVALID_REQUEST expire_time");
  auto never = Reserve("o1", "i0", 1);
  never.mutable_expire_time()->set_seconds(std::numeric_limits<std::int64_t>::max());
  CHECK(kitchen.Reserve(never) == "INVALID_ARGUMENT INVALID_REQUEST expire_time");
  CHECK(kitchen.Release(rv1::ReleaseItemsRequest()) ==
        "INVALID_ARGUMENT INVALID_REQUEST order_id restaurant_id");
  CHECK(Said(service.Call(&RestaurantStub::GetStock, rv1::GetStockRequest())) ==
        "INVALID_ARGUMENT INVALID_REQUEST queries");
}

TEST_CASE("of many orders at once for the last portions exactly so many get one") {
  Kitchen kitchen;
  constexpr int kOrders = 64;
  std::atomic<int> held = 0;
  std::atomic<int> refused = 0;
  AtOnce(kOrders, [&](int i) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      const std::string said = kitchen.Reserve(Reserve("o" + std::to_string(i), "i0", 1));
      if (repeat == 0) continue;
      held += said == "HELD" ? 1 : 0;
      refused += said == "FAILED_PRECONDITION OUT_OF_STOCK" ? 1 : 0;
    }
  });
  CHECK(held == 10);
  CHECK(refused == kOrders - 10);
  CHECK(kitchen.Left() == "10: 10 reserved, 0 sold, 0 left");
}

}  // namespace
}  // namespace lockstep::test
