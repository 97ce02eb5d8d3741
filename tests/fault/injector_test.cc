// Faults by method: what is accepted, what strikes, and what is counted.
#include "common/fault/injector.h"

#include <thread>

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace lockstep::fault {
namespace {

using namespace std::chrono_literals;

constexpr char kA[] = "lockstep.test.v1.TestService/A";
constexpr char kB[] = "lockstep.test.v1.TestService/B";

struct Fixture {
  Injector injector;
  Site& a = injector.AddSite(kA);
  Site& b = injector.AddSite(kB);

  std::vector<std::string> Refused(const std::vector<Rule>& rules) {
    const Status status = injector.Set(rules, "faults");
    REQUIRE(status.code() == StatusCode::kInvalidArgument);
    std::vector<std::string> fields;
    for (const FieldViolation& violation : DetailOf(status).violations) {
      fields.push_back(violation.field);
    }
    return fields;
  }
};

TEST_CASE("a rule strikes its own method, each call, and is counted") {
  Fixture f;
  REQUIRE(f.a.Strike() == 0ms);
  REQUIRE(f.injector.Set({{kA, 80ms}}, "faults").ok());
  REQUIRE(f.a.Strike() == 80ms);
  REQUIRE(f.a.Strike() == 80ms);
  REQUIRE(f.b.Strike() == 0ms);
  const std::vector<Rule> rules = f.injector.List();
  REQUIRE(rules.size() == 1);
  REQUIRE(rules[0].method == kA);
  REQUIRE(rules[0].fixed_delay == 80ms);
  REQUIRE(rules[0].fired == 2);
}

TEST_CASE("setting rules replaces all that were there and counts anew, none clears") {
  Fixture f;
  REQUIRE(f.injector.Set({{kA, 80ms}}, "faults").ok());
  REQUIRE(f.a.Strike() == 80ms);
  REQUIRE(f.injector.Set({{kB, 5ms}, {kA, 1ms}}, "faults").ok());
  REQUIRE(f.a.Strike() == 1ms);
  REQUIRE(f.b.Strike() == 5ms);
  REQUIRE(f.injector.List()[0].method == kB);
  REQUIRE(f.injector.List()[1].fired == 1);
  REQUIRE(f.injector.Set({}, "faults").ok());
  REQUIRE(f.a.Strike() == 0ms);
  REQUIRE(f.b.Strike() == 0ms);
  REQUIRE(f.injector.List().empty());
}

TEST_CASE("rules that cannot stand are refused together, each named, and change nothing") {
  Fixture f;
  REQUIRE(f.injector.Set({{kA, 80ms}}, "faults").ok());
  using Fields = std::vector<std::string>;
  REQUIRE(f.Refused({{kB, 1ms}, {"no.such.Service/Method", 1ms}}) == Fields{"faults[1].method"});
  REQUIRE(f.Refused({{kB, 1ms}, {kB, 2ms}}) == Fields{"faults[1].method"});
  REQUIRE(f.Refused({{kB, 0ms}}) == Fields{"faults[0].fixed_delay"});
  REQUIRE(f.Refused({{kB, -1ns}}) == Fields{"faults[0].fixed_delay"});
  REQUIRE(f.Refused({{kB, limits::kTimeoutMax + 1ns}}) == Fields{"faults[0].fixed_delay"});
  REQUIRE(f.Refused({{"", 0ms}}) == Fields{"faults[0].method", "faults[0].fixed_delay"});
  REQUIRE(f.Refused(std::vector<Rule>(limits::kFaultsMax + 1, Rule{kB, 1ms})) == Fields{"faults"});
  REQUIRE(f.a.Strike() == 80ms);
  REQUIRE(f.b.Strike() == 0ms);
}

TEST_CASE("as many rules as are allowed are taken, with the longest delay") {
  Injector injector;
  std::vector<Rule> rules;
  for (int i = 0; i < limits::kFaultsMax; ++i) {
    rules.push_back({"s/" + std::to_string(i), limits::kTimeoutMax});
    injector.AddSite(rules.back().method);
  }
  REQUIRE(injector.Set(rules, "faults").ok());
  REQUIRE(injector.List().size() == rules.size());
}

TEST_CASE("a server that forbids faults takes none, but can be told to clear them") {
  Injector injector(false);
  Site& site = injector.AddSite(kA);
  const Status status = injector.Set({{kA, 1ms}}, "faults");
  REQUIRE(status.code() == StatusCode::kFailedPrecondition);
  REQUIRE(DetailOf(status).reason == "FAULTS_DISABLED");
  REQUIRE(site.Strike() == 0ms);
  REQUIRE(injector.Set({}, "faults").ok());
}

TEST_CASE("strikes on many threads while rules change are each whole, and all counted at the end") {
  Fixture f;
  REQUIRE(f.injector.Set({{kA, 1ms}}, "faults").ok());
  std::atomic<bool> stop = false, torn = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const Duration delay = f.a.Strike();
        if (delay != 0ms && delay != 1ms && delay != 2ms) torn = true;
      }
    });
  }
  for (int i = 0; i < 500; ++i) {
    REQUIRE(f.injector.Set({{kA, i % 2 == 0 ? 2ms : 1ms}}, "faults").ok());
    (void)f.injector.List();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(torn);
  REQUIRE(f.injector.Set({{kA, 1ms}}, "faults").ok());
  for (int i = 0; i < 10; ++i) REQUIRE(f.a.Strike() == 1ms);
  REQUIRE(f.injector.List()[0].fired == 10);
}

}  // namespace
}  // namespace lockstep::fault
