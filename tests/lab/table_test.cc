// Tables and numbers as people read them.
#include "lab/table.h"

#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

TEST_CASE("columns are as wide as their widest cell, letters with marks counted once") {
  Table table({{"name"}, {"count", Align::kRight}});
  table.Add({"Taquería Sol", "7"});
  table.AddRule();
  table.Add({"x", "1,000"});
  REQUIRE(table.Text() ==
          "name          count\n"
          "───────────────────\n"
          "Taquería Sol      7\n"
          "───────────────────\n"
          "x             1,000\n");
}

TEST_CASE("a cell of two lines makes a row of two lines") {
  Table table({{"style"}, {"codes"}});
  table.Add({"blocking", "OK 5\nUNAVAILABLE 2"});
  REQUIRE(table.Text() ==
          "style     codes\n"
          "───────────────────────\n"
          "blocking  OK 5\n"
          "          UNAVAILABLE 2\n");
}

TEST_CASE("a heading goes across and makes no column wider") {
  Table table({{"a"}, {"b"}});
  table.AddHeading("all services well");
  table.Add({"1", "2"});
  REQUIRE(table.Text() ==
          "a  b\n"
          "────\n"
          "all services well\n"
          "1  2\n");
}

TEST_CASE("milliseconds show the digits that matter") {
  REQUIRE(MillisText(420us) == "0.42 ms");
  REQUIRE(MillisText(9996us) == "10.0 ms");
  REQUIRE(MillisText(12345us) == "12.3 ms");
  REQUIRE(MillisText(99960us) == "100 ms");
  REQUIRE(MillisText(1240ms) == "1,240 ms");
  REQUIRE(MillisText(-12ms) == "-12.0 ms");
}

TEST_CASE("counts have thousands, spans the two units that matter") {
  REQUIRE(CountText(0) == "0");
  REQUIRE(CountText(999) == "999");
  REQUIRE(CountText(10127) == "10,127");
  REQUIRE(CountText(-1234567) == "-1,234,567");
  REQUIRE(SpanText(59s) == "59 s");
  REQUIRE(SpanText(125s) == "2 min 5 s");
  REQUIRE(SpanText(64min) == "1 h 4 min");
}

}  // namespace
}  // namespace lockstep::lab
