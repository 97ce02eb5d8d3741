// Ids: the form of RFC 9562, and their order.
#include "common/base/id.h"

#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace lockstep {
namespace {

using namespace std::chrono_literals;

TEST_CASE("an id is a UUID of version 7 that begins with its milliseconds") {
  const std::string id = NewId(WallTime(std::chrono::milliseconds(0x0493E2A17C4E)));
  REQUIRE(IsUuid(id));
  REQUIRE(id.substr(0, 13) == "0493e2a1-7c4e");
  REQUIRE(id[14] == '7');                                          // version
  REQUIRE(std::string("89ab").find(id[19]) != std::string::npos);  // variant
}

TEST_CASE("ids of one process grow strictly, also when the wall clock stands or steps back") {
  const WallTime now(std::chrono::milliseconds(0x0593E2A17C4E));
  std::string last = NewId(now);
  for (int i = 0; i < 10'000; ++i) {
    const std::string next = NewId(i % 2 == 0 ? now : now - 1h);
    REQUIRE(next > last);
    last = next;
  }
}

TEST_CASE("ids made at once by several threads differ") {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& own : made) {
    threads.emplace_back([&own] {
      for (int i = 0; i < 2000; ++i) own.push_back(NewId(WallTime()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const std::vector<std::string>& own : made) all.insert(own.begin(), own.end());
  REQUIRE(all.size() == 8000);
}

TEST_CASE("only the canonical lower-case form is a UUID") {
  REQUIRE(IsUuid("0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d"));
  for (const char* text :
       {"", "0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5", "0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d0",
        "0193E2A1-7c4e-7b21-9f0e-2d4c8a1b3c5d", "0193e2a1x7c4e-7b21-9f0e-2d4c8a1b3c5d",
        "0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5g", "0193e2a17-c4e-7b21-9f0e-2d4c8a1b3c5d"}) {
    REQUIRE_FALSE(IsUuid(text));
  }
}

}  // namespace
}  // namespace lockstep
