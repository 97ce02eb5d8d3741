// Cells and arguments: money, moments, durations, slugs, the hash that places orders.
#include "lab/values.h"

#include <set>

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

TEST_CASE("money is read with none, one, two or nine decimals, and written with two at least") {
  REQUIRE(MoneyText(*ParseMoney("0.5", "GBP")) == "0.50 GBP");
  REQUIRE(MoneyText(*ParseMoney("12", "EUR")) == "12.00 EUR");
  REQUIRE(ParseMoney("17.95", "GBP")->nanos() == 950'000'000);
  REQUIRE(TotalNanos(*ParseMoney("1.000000001", "GBP")) == 1'000'000'001);
}

TEST_CASE("what is no amount of money is refused") {
  for (const char* text : {"", "-1", "1.", ".5", "1,50", "£3", "1.0000000001", "9000000001", "1e3",
                           "99999999999999999999", " 1"}) {
    INFO(text);
    REQUIRE_FALSE(ParseMoney(text, "GBP").ok());
  }
}

TEST_CASE("a till's date is day first, with or without leading zeros") {
  using namespace std::chrono;
  const auto expected = WallTime(sys_days(2018y / 2 / 1) + 9h + 5min);
  REQUIRE(*ParseTillTime("1/2/2018 9:05") == expected);
  REQUIRE(*ParseTillTime("01/02/2018 09:05") == expected);
  REQUIRE(*ParseTillTime("31/12/2018 21:56") == WallTime(sys_days(2018y / 12 / 31) + 21h + 56min));
}

TEST_CASE("days that do not exist and other formats are refused") {
  for (const char* text :
       {"31/2/2018 10:00", "12/31/2018 10:00", "2018-12-31 10:00", "", "31/12/2018",
        "31/12/2018 25:00", "31/12/2018 10:00 pm", "-1/12/2018 10:00", "31/12/2018 10:-5",
        "31/12/2018 10:60", "31/12/2018 ", "31/12/2018 10:"}) {
    INFO(text);
    REQUIRE_FALSE(ParseTillTime(text).ok());
  }
}

TEST_CASE("durations have a unit and are at most an hour") {
  REQUIRE(*ParseDuration("80ms") == 80ms);
  REQUIRE(*ParseDuration("1.5s") == 1500ms);
  REQUIRE(*ParseDuration("1h") == 1h);
  REQUIRE(*ParseDuration("250us") == 250us);
  for (const char* text : {"", "80", "ms", "-1s", "2h", "1 s", "nan", "inf", "1sec"}) {
    INFO(text);
    REQUIRE_FALSE(ParseDuration(text).ok());
  }
}

TEST_CASE("a slug is made of the letters and digits of a name") {
  REQUIRE(Slug("Plain Papadum (4)") == "plain-papadum-4");
  REQUIRE(Slug("Beetroot and Goat's Cheese") == "beetroot-and-goats-cheese");
  REQUIRE(Slug("Crème Brûlée") == "creme-brulee");
  REQUIRE(Slug("  'Nduja & Honey ") == "nduja-honey");
  REQUIRE(Slug("餃子").starts_with("item-"));
  REQUIRE(Slug("餃子") != Slug("寿司"));
  REQUIRE(Slug(std::string(200, 'x')).size() <= limits::kIdBytesMax);
}

TEST_CASE("names that share a slug get different ids, whatever their order in the file") {
  const std::vector<std::string> names = {"Naan 2", "naan", "Naan!", "Naan", "naan-"};
  const std::vector<std::string> ids = UniqueSlugs(names);
  REQUIRE(std::set(ids.begin(), ids.end()).size() == names.size());
  REQUIRE(ids[0] == "naan-2");  // its own slug, which no suffix takes away
  const std::vector<std::string> reversed(names.rbegin(), names.rend());
  const std::vector<std::string> ids_reversed = UniqueSlugs(reversed);
  REQUIRE(std::vector<std::string>(ids_reversed.rbegin(), ids_reversed.rend()) == ids);
}

TEST_CASE("the hash that places orders never changes and spreads neighbours") {
  REQUIRE(StableHash("12765") == 0x05BE6DF8458B1427ull);
  std::set<std::uint64_t> buckets;
  for (int number = 0; number < 100; ++number) {
    buckets.insert(StableHash(std::to_string(16118 + number)) % 10);
  }
  REQUIRE(buckets.size() == 10);
}

}  // namespace
}  // namespace lockstep::lab
