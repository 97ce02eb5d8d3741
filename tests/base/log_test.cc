// One line an event, for people or for programs, and a limit on each event's lines.
#include "common/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::log {
namespace {

// The lines that act writes under these options. They are the defaults again afterwards.
std::vector<std::string> Lines(Options options, const std::function<void()>& act) {
  const test::TempDir directory;
  options.descriptor = open(directory.File("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(options.descriptor >= 0);
  Configure(options);
  act();
  Configure({});
  close(options.descriptor);
  std::ifstream file(directory.File("log"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// After "2031-02-03T04:05:06.789Z", which is 24 characters.
std::string AfterTime(const std::string& line) { return line.substr(24); }

TEST_CASE("a line for people has time, level, event and fields, quoted where they need it") {
  Options options;
  options.node = "order-1";
  const auto lines = Lines(options, [] {
    Info("test_text", {{"plain", "word"}, {"spaced", "two words"}, {"n", 7}, {"yes", true}});
  });
  REQUIRE(lines.size() == 1);
  REQUIRE(lines[0][10] == 'T');
  REQUIRE(lines[0][23] == 'Z');
  REQUIRE(AfterTime(lines[0]) ==
          " INFO test_text node=order-1 plain=word spaced=\"two words\" n=7 yes=true");
}

TEST_CASE("no text can break out of its line or its quotes") {
  const std::string nasty = "a\"b\\c\nd\x01";
  for (const Format format : {Format::kText, Format::kJson}) {
    Options options;
    options.format = format;
    const auto lines = Lines(options, [&nasty] { Warning("test_nasty", {{"text", nasty}}); });
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].find("\"a\\\"b\\\\c\\nd\\u0001\"") != std::string::npos);
  }
}

TEST_CASE("a line for programs is one JSON object") {
  Options options;
  options.format = Format::kJson;
  const auto lines = Lines(options, [] { Error("test_json", {{"ms", 1.5}, {"ok", false}}); });
  REQUIRE(lines.size() == 1);
  REQUIRE(lines[0].find("{\"time\":\"") == 0);
  REQUIRE(lines[0].find(R"("level":"ERROR","event":"test_json","ms":1.5,"ok":false})") !=
          std::string::npos);
}

TEST_CASE("below the least level nothing is written") {
  Options options;
  options.least = Level::kWarning;
  const auto lines = Lines(options, [] {
    Info("test_level");
    Warning("test_level");
    REQUIRE_FALSE(Due(Level::kInfo, "test_level"));
    REQUIRE(Due(Level::kWarning, "test_level"));
  });
  REQUIRE(lines.size() == 1);
}

TEST_CASE("an event past its limit is counted and not written, and others are not touched") {
  Options options;
  options.lines_per_second = 3;
  const auto lines = Lines(options, [] {
    for (int i = 0; i < 3; ++i) Info("test_many");
    for (int i = 0; i < 1000; ++i) Info("test_many");
    Info("test_other");
  });
  // A new second may begin in between: a few lines more, one of which says what was left out.
  REQUIRE(lines.size() >= 4);
  REQUIRE(lines.size() <= 20);
  REQUIRE(AfterTime(lines.back()) == " INFO test_other");
}

}  // namespace
}  // namespace lockstep::log
