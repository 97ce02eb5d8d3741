// Lists: every record once, in the order of ids, page by page; and tokens that only their own list
// takes.
#include "common/base/page_token.h"
#include "tests/services/consumers.h"
#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

const std::string kBad = "INVALID_ARGUMENT INVALID_REQUEST ";

std::string IdOf(int i) { return (i % 2 == 0 ? "b" : "a") + std::to_string(1000 + i); }

std::vector<std::string> Sorted(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back(IdOf(i));
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Fill(Consumers& service, int count) {
  for (int i = 0; i < count; ++i) {
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer(IdOf(i), "Ann")).ok());
  }
}

StatusOr<cv1::ListConsumersResponse> Page(Consumers& service, int size, const std::string& token) {
  cv1::ListConsumersRequest request;
  request.set_page_size(size);
  request.set_page_token(token);
  return service.Call(&ConsumerStub::ListConsumers, request);
}

// The ids of all pages, and how many pages they were.
std::pair<std::vector<std::string>, int> AllPages(Consumers& service, int size) {
  std::vector<std::string> ids;
  std::string token;
  int pages = 0;
  do {
    const auto page = Page(service, size, token);
    REQUIRE(Said(page) == "OK");
    REQUIRE(page->consumers_size() <= size);
    for (const cv1::Consumer& consumer : page->consumers()) ids.push_back(consumer.consumer_id());
    token = page->next_page_token();
    REQUIRE(++pages <= 100);
  } while (!token.empty());
  return {ids, pages};
}

TEST_CASE("all pages of any size show every consumer once, in order") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  CHECK(AllPages(service, 5) == std::pair(std::vector<std::string>(), 1));
  Fill(service, 24);
  CHECK(AllPages(service, 1) == std::pair(Sorted(24), 24));
  CHECK(AllPages(service, 5) == std::pair(Sorted(24), 5));
  CHECK(AllPages(service, 6) == std::pair(Sorted(24), 4));  // the last page is full: no empty one
  CHECK(AllPages(service, 23) == std::pair(Sorted(24), 2));
  CHECK(AllPages(service, 24) == std::pair(Sorted(24), 1));
  CHECK(AllPages(service, 1000) == std::pair(Sorted(24), 1));
}

TEST_CASE("what is added while one pages moves nothing out of sight") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  Fill(service, 10);
  const auto first = Page(service, 4, "");
  REQUIRE(Said(first) == "OK");
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("a0", "Before")).ok());
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("z0", "After")).ok());
  std::vector<std::string> ids;
  for (const auto& consumer : first->consumers()) ids.push_back(consumer.consumer_id());
  const auto rest = Page(service, 1000, first->next_page_token());
  REQUIRE(Said(rest) == "OK");
  for (const auto& consumer : rest->consumers()) ids.push_back(consumer.consumer_id());
  std::vector<std::string> expected = Sorted(10);
  expected.push_back("z0");
  CHECK(ids == expected);
}

TEST_CASE("a page has 50 rows unless it is told, and at most 1000") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  Fill(service, 51);
  const auto page = Page(service, 0, "");
  REQUIRE(Said(page) == "OK");
  CHECK(page->consumers_size() == 50);
  CHECK(Said(Page(service, 1000, "")) == "OK");
  CHECK(Said(Page(service, 1001, "")) == kBad + "page_size");
  CHECK(Said(Page(service, -1, "")) == kBad + "page_size");
  CHECK(Said(Page(service, -1, "nonsense")) == kBad + "page_size page_token");
}

TEST_CASE("a token from elsewhere, a broken one and a forged one are refused") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  Fill(service, 3);
  const std::string token = Page(service, 1, "")->next_page_token();
  REQUIRE(token == MakePageToken("consumers", "a1001"));
  CHECK(Said(Page(service, 1, token)) == "OK");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    INFO(changed);
    CHECK(Said(Page(service, 1, changed)) == kBad + "page_token");
    CHECK(Said(Page(service, 1, token.substr(0, i))) == (i == 0 ? "OK" : kBad + "page_token"));
  }
  CHECK(Said(Page(service, 1, token + "00")) == kBad + "page_token");
  CHECK(Said(Page(service, 1, "a1001")) == kBad + "page_token");
  CHECK(Said(Page(service, 1, std::string(10'000, '0'))) == kBad + "page_token");
  std::string loud = token;
  for (char& c : loud) c = static_cast<char>(std::toupper(c));
  CHECK((loud == token || Said(Page(service, 1, loud)) == kBad + "page_token"));

  Restaurants other(dir.File("r.db"));
  rv1::ListRestaurantsRequest request;
  request.set_page_token(token);
  CHECK(Said(other.Call(&RestaurantStub::ListRestaurants, request)) == kBad + "page_token");
}

TEST_CASE("restaurants are listed without their menus, with all else") {
  const TempDir dir;
  Restaurants service(dir.File("r.db"));
  for (const char* id : {"r2", "r1", "r3"}) {
    auto request = NewRestaurant(id, 10);
    request.mutable_restaurant()->mutable_delivery_area()->add_postal_code_prefixes("CB1");
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, request).ok());
  }
  rv1::ListRestaurantsRequest request;
  request.set_page_size(2);
  const auto first = service.Call(&RestaurantStub::ListRestaurants, request);
  REQUIRE(Said(first) == "OK");
  REQUIRE(first->restaurants_size() == 2);
  request.set_page_token(first->next_page_token());
  const auto second = service.Call(&RestaurantStub::ListRestaurants, request);
  REQUIRE(Said(second) == "OK");
  REQUIRE(second->restaurants_size() == 1);
  CHECK(second->next_page_token().empty());
  rv1::Restaurant whole = *service.Call(&RestaurantStub::GetRestaurant, WhichRestaurant("r1"));
  whole.clear_menu_items();
  CHECK(first->restaurants(0).SerializeAsString() == whole.SerializeAsString());
  CHECK(second->restaurants(0).restaurant_id() == "r3");
}

TEST_CASE("the longest id makes a token that is taken back") {
  const std::string longest(64, 'z');
  Violations violations;
  const PageRequest page =
      ReadPageRequest("consumers", 7, MakePageToken("consumers", longest), violations);
  CHECK(violations.empty());
  CHECK(page.size == 7);
  CHECK(page.after == longest);
}

}  // namespace
}  // namespace lockstep::test
