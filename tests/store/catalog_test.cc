// What is read without waiting: whole values, the newest that was put, kept by whoever holds one.
#include "common/store/catalog.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace lockstep::store {
namespace {

struct Menu {
  int version = 0;
  std::vector<int> prices;
};

TEST_CASE("a catalog finds what was put last, by a view of the id, and nothing else") {
  Catalog<Menu> catalog;
  REQUIRE(catalog.Find("r1") == nullptr);
  catalog.Put("r1", std::make_shared<Menu>(Menu{1, {10}}));
  catalog.Put("r2", std::make_shared<Menu>(Menu{1, {20}}));
  const std::string longer = "r1 and more";
  const auto held = catalog.Find(std::string_view(longer).substr(0, 2));
  REQUIRE(held->prices == std::vector<int>{10});
  catalog.Put("r1", std::make_shared<Menu>(Menu{2, {11}}));
  REQUIRE(catalog.Find("r1")->version == 2);
  REQUIRE(held->version == 1);  // whoever holds the one before keeps it whole
  REQUIRE(catalog.Size() == 2);
  REQUIRE(catalog.Find("r3") == nullptr);
}

TEST_CASE("ids are spread, and each is found among many") {
  Catalog<int> catalog;
  for (int i = 0; i < 10'000; ++i) catalog.Put(std::to_string(i), std::make_shared<int>(i));
  REQUIRE(catalog.Size() == 10'000);
  for (int i = 0; i < 10'000; ++i) REQUIRE(*catalog.Find(std::to_string(i)) == i);
}

TEST_CASE("a reader sees whole values, which never grow older, while they are replaced") {
  Catalog<Menu> catalog;
  const auto menu = [](int version) {
    return std::make_shared<Menu>(Menu{version, std::vector<int>(20, version)});
  };
  catalog.Put("r", menu(0));
  constexpr int kVersions = 2000;
  std::atomic<int> torn = 0;
  std::atomic<int> older = 0;
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      int last = 0;
      while (last < kVersions) {
        const auto seen = catalog.Find("r");
        if (seen->prices != std::vector<int>(20, seen->version)) ++torn;
        if (seen->version < last) ++older;
        last = seen->version;
      }
    });
  }
  for (int v = 1; v <= kVersions; ++v) catalog.Put("r", menu(v));
  for (std::thread& reader : readers) reader.join();
  REQUIRE(torn == 0);
  REQUIRE(older == 0);
}

}  // namespace
}  // namespace lockstep::store
