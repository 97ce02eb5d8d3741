// The checks of text and numbers that all services share.
#include "common/base/validate.h"

#include "common/base/limits.h"
#include "tests/domain/violations.h"
#include "tests/support/catch.h"

namespace lockstep {
namespace {

using namespace std::chrono_literals;

TEST_CASE("UTF-8 is what the Unicode standard says it is") {
  const auto [text, valid] = GENERATE(table<std::string, bool>({
      {"", true},
      {"plain", true},
      {std::string("nul\0", 4), true},  // a control character, but well-formed
      {"\x7f", true},
      {"\xc2\x80", true},          // the least of two bytes
      {"\xdf\xbf", true},          // the greatest of two bytes
      {"\xe0\xa0\x80", true},      // the least of three
      {"\xed\x9f\xbf", true},      // the last before the surrogates
      {"\xee\x80\x80", true},      // the first after them
      {"\xef\xbf\xbf", true},      // the greatest of three
      {"\xf0\x90\x80\x80", true},  // the least of four
      {"\xf4\x8f\xbf\xbf", true},  // U+10FFFF
      {"a\xe2\x82\xac b", true},
      {"\x80", false},              // a continuation alone
      {"\xbf", false},              //
      {"\xc0\x80", false},          // overlong
      {"\xc1\xbf", false},          // overlong
      {"\xe0\x9f\xbf", false},      // overlong
      {"\xf0\x8f\xbf\xbf", false},  // overlong
      {"\xed\xa0\x80", false},      // a surrogate
      {"\xed\xbf\xbf", false},      // a surrogate
      {"\xf4\x90\x80\x80", false},  // above U+10FFFF
      {"\xf5\x80\x80\x80", false},  //
      {"\xff", false},              //
      {"\xc2", false},              // cut
      {"\xe2\x82", false},          // cut
      {"\xf0\x9f\x8d", false},      // cut
      {"\xe2\x28\xa1", false},      // the second byte is none
      {"\xe2\x82\x28", false},      // the third byte is none
      {"\xf0\x9f\x8d\x28", false},  // the fourth byte is none
      {"fine\xc3(", false},
  }));
  CAPTURE(Quoted(text));
  REQUIRE(IsUtf8(text) == valid);
}

TEST_CASE("an id is 1 to 64 of its alphabet, and a request id of a wider one") {
  struct Row {
    std::string value;
    std::string id;          // the violation; empty: none
    std::string request_id;  //
  };
  const std::string id_rule = R"(must be 1 to 64 of a-z, 0-9, "-", "_", ".")";
  const std::string request_rule = R"(must be 1 to 64 of letters, digits, "-", "_", ".", ":")";
  const Row row = GENERATE_COPY(values<Row>({
      {"a", "", ""},
      {"z09-_.a", "", ""},
      {std::string(64, 'x'), "", ""},
      {"", "is required", "is required"},
      {std::string(65, 'x'), id_rule + ", has 65 bytes", request_rule + ", has 65 bytes"},
      {"aB", id_rule + R"(, has "B" at byte 2)", ""},
      {"a:", id_rule + R"(, has ":" at byte 2)", ""},
      {"a b", id_rule + R"(, has " " at byte 2)", request_rule + R"(, has " " at byte 2)"},
      {"a\xff", id_rule + R"(, has "\xff" at byte 2)", request_rule + R"(, has "\xff" at byte 2)"},
      {std::string("a\0", 2), id_rule + R"(, has "\x00" at byte 2)",
       request_rule + R"(, has "\x00" at byte 2)"},
      {"\xc3\xa9", id_rule + R"(, has "\xc3" at byte 1)",
       request_rule + R"(, has "\xc3" at byte 1)"},
      {"a/b", id_rule + R"(, has "/" at byte 2)", request_rule + R"(, has "/" at byte 2)"},
  }));
  CAPTURE(row.value);
  Violations ids;
  REQUIRE(ids.RequireId("f", row.value) == row.id.empty());
  REQUIRE(Said(ids) == (row.id.empty() ? Strings{} : Strings{"f: " + row.id}));
  Violations request_ids;
  REQUIRE(request_ids.RequireRequestId("f", row.value) == row.request_id.empty());
  REQUIRE(Said(request_ids) ==
          (row.request_id.empty() ? Strings{} : Strings{"f: " + row.request_id}));
}

TEST_CASE("a text is bounded in bytes, UTF-8, and free of control characters") {
  Violations violations;
  REQUIRE(violations.RequireText("a", "12345", 5));
  REQUIRE(violations.RequireText("b", "\xe2\x82\xac", 3));
  REQUIRE(violations.RequireText("c", "", 5, Violations::Empty::kAllowed));
  REQUIRE(violations.empty());
  REQUIRE(violations.ToStatus().ok());

  REQUIRE_FALSE(violations.RequireText("d", "123456", 5));
  REQUIRE_FALSE(violations.RequireText("e", "\xe2\x82\xac", 2));
  REQUIRE_FALSE(violations.RequireText("f", "", 5));
  REQUIRE_FALSE(violations.RequireText("g", "\xc3(", 5));
  REQUIRE_FALSE(violations.RequireText("h", "a\nb", 5));
  REQUIRE_FALSE(violations.RequireText("i", "ab\x7f", 5));
  REQUIRE(Said(violations) ==
          Strings{"d: must be at most 5 bytes, has 6", "e: must be at most 2 bytes, has 3",
                  "f: is required", "g: must be UTF-8, is not",
                  R"(h: must have no control characters, has "\x0a" at byte 2)",
                  R"(i: must have no control characters, has "\x7f" at byte 3)"});
}

TEST_CASE("ranges, timeouts, versions and masks say what is allowed and what came") {
  Violations violations;
  REQUIRE(violations.RequireRange("r", 1, 1, 1000));
  REQUIRE(violations.RequireRange("r", 1000, 1, 1000));
  REQUIRE(violations.RequireTimeout("t", 1ns));
  REQUIRE(violations.RequireTimeout("t", 1h));
  REQUIRE(violations.RequireVersion("v", 0));
  REQUIRE(violations.RequireMask({"a", "b"}, {"a", "b"}));
  REQUIRE(violations.empty());

  REQUIRE_FALSE(violations.RequireRange("r0", 0, 1, 1000));
  REQUIRE_FALSE(violations.RequireRange("r1001", 1001, 1, 1000));
  REQUIRE_FALSE(violations.RequireTimeout("t0", 0ns));
  REQUIRE_FALSE(violations.RequireTimeout("t1h", 1h + 1ns));
  REQUIRE_FALSE(violations.RequireTimeout("least", Duration::min()));
  REQUIRE_FALSE(violations.RequireVersion("v", -1));
  REQUIRE_FALSE(violations.RequireMask({}, {"a", "b"}));
  const std::string timeout = ": must be above 0s and at most 3600s, is ";
  REQUIRE(Said(violations) ==
          Strings{"r0: must be 1 to 1000, is 0", "r1001: must be 1 to 1000, is 1001",
                  "t0" + timeout + "0s", "t1h" + timeout + "3600.000000001s",
                  "least" + timeout + "-9223372036.854775808s", "v: must be 0 (any) or more, is -1",
                  "update_mask: must name one or more of a, b, is empty"});

  Violations mask;
  REQUIRE_FALSE(mask.RequireMask({"a", "c"}, {"a", "b"}));
  REQUIRE(Said(mask) == Strings{R"(update_mask: must name one or more of a, b, has "c")"});
}

TEST_CASE("a field is named once, with what was found first") {
  Violations violations;
  violations.Add("price", "must be money");
  violations.Add("price", "is required");
  violations.Add("name", "is required");
  REQUIRE(Said(violations) == Strings{"price: must be money", "name: is required"});
}

TEST_CASE("an error names as many fields as fit, and says how many more there are") {
  Violations violations;
  const std::size_t extra = 5;
  for (std::size_t i = 0; i < limits::kViolationsMax + extra; ++i) {
    violations.Add("field" + std::to_string(i), "is required");
  }
  const Status status = violations.ToStatus();
  REQUIRE(status.code() == StatusCode::kInvalidArgument);
  REQUIRE(DetailOf(status).reason == "INVALID_REQUEST");
  const Strings said = Said(violations);
  REQUIRE(said.size() == limits::kViolationsMax);
  REQUIRE(said.front() == "field0: is required");
  REQUIRE(said.back() == "field15: is required (and 5 more violations)");
}

TEST_CASE("the violations of a part have the path of the part") {
  Violations part;
  part.RequireId("menu_item_id", "");
  Violations whole;
  whole.AddAll("lines[2].", part);
  REQUIRE(Said(whole) == Strings{"lines[2].menu_item_id: is required"});
}

TEST_CASE("a quoted text shows what cannot be printed, and no more than fits") {
  REQUIRE(Quoted("plain") == R"("plain")");
  REQUIRE(Quoted("a\"\\\n\xff") == R"("a\x22\x5c\x0a\xff")");
  REQUIRE(Quoted(std::string(64, 'x')) == '"' + std::string(64, 'x') + '"');
  REQUIRE(Quoted(std::string(65, 'x')) == '"' + std::string(64, 'x') + "…\"");
}

TEST_CASE("a duration is written as JSON writes it") {
  REQUIRE(DurationText(0ns) == "0s");
  REQUIRE(DurationText(1500ms) == "1.5s");
  REQUIRE(DurationText(-50ms) == "-0.05s");
  REQUIRE(DurationText(1ns) == "0.000000001s");
  REQUIRE(DurationText(100s) == "100s");
}

TEST_CASE("a change that expects another version is aborted") {
  REQUIRE(CheckVersion("consumer 7", 0, 3).ok());
  REQUIRE(CheckVersion("consumer 7", 3, 3).ok());
  const Status status = CheckVersion("consumer 7", 2, 3);
  REQUIRE(status.code() == StatusCode::kAborted);
  REQUIRE(DetailOf(status).reason == "VERSION_MISMATCH");
  REQUIRE(DetailOf(status).metadata ==
          std::map<std::string, std::string>{{"expected_version", "2"}, {"version", "3"}});
}

}  // namespace
}  // namespace lockstep
