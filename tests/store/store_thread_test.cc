// The contract of the one writer: exactly one answer, after the commit, in order; one item's error
// harms no other; nothing is begun past its deadline.
#include "common/store/store_thread.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "tests/store/store_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using namespace test_marks;
using test::TempDir;

TEST_CASE("what is answered OK is in the file, seen by another connection when done runs") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  std::size_t seen = 0;
  auto done = answers.Expect(1);
  store.Submit(Marking(1, 1), Deadline::Never(), [&](const CommitResult& result) {
    seen = Rows(path).size();
    done(result);
  });
  const CommitResult result = answers.Of(1);
  REQUIRE(result.status.ok());
  REQUIRE(result.batch == 1);
  REQUIRE(result.waited >= 0ns);
  REQUIRE(result.took > 0ns);
  REQUIRE(seen == 1);
}

TEST_CASE("what waits is committed together, up to the largest batch") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThreadOptions options;
  options.batch_max = GENERATE(1, 4, 256);
  StoreThread store(OpenOrFail(path), options);
  {
    Gate gate(store, answers);
    for (int i = 0; i < 10; ++i) store.Submit(Marking(1, i), Deadline::Never(), answers.Expect(i));
    REQUIRE(store.waiting() == 10);
  }
  const std::int64_t commits = options.batch_max == 1 ? 10 : options.batch_max == 4 ? 3 : 1;
  answers.All();
  store.Stop();
  REQUIRE(store.counters().commits == commits + 1);
  REQUIRE(store.counters().items == 11);
  REQUIRE(store.counters().batch_most == std::min(10, options.batch_max));
  REQUIRE(answers.Of(0).batch == std::min(10, options.batch_max));
  REQUIRE(Rows(path).size() == 10);
}

TEST_CASE("a bad item harms no other, wherever it stands in its batch") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  const std::set<int> bad = GENERATE(std::set<int>{0}, std::set<int>{9}, std::set<int>{3, 4, 7},
                                     std::set<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  {
    Gate gate(store, answers);
    for (int i = 0; i < 10; ++i) {
      auto work = [i, refuse = bad.contains(i)](Database& database) {
        Status status = Mark(database, 1, i);
        return refuse ? MakeError(StatusCode::kFailedPrecondition, "BAD", "bad") : status;
      };
      store.Submit(work, Deadline::Never(), answers.Expect(i));
    }
  }
  std::vector<std::string> expected;
  for (int i = 0; i < 10; ++i) {
    const CommitResult result = answers.Of(i);
    REQUIRE(result.status.ok() == !bad.contains(i));
    if (bad.contains(i)) REQUIRE(ReasonOf(result) == "BAD");
    if (!bad.contains(i)) expected.push_back(fmt::format("1.{}", i));
  }
  REQUIRE(Rows(path) == expected);
  REQUIRE(store.writable());
  const auto counters = store.counters();
  REQUIRE(counters.runs <= 1 + 2 * 10);  // nothing is begun more than twice
}

TEST_CASE("an error that the work did not look at is the item's answer") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  const auto careless = [](Database& database) {
    Statement row = database.Prepare("INSERT INTO marks (owner, nth) VALUES (NULL, 1)");
    (void)row.Step();
    return OkStatus();
  };
  {
    Gate gate(store, answers);
    store.Submit(Marking(1, 1), Deadline::Never(), answers.Expect(1));
    store.Submit(careless, Deadline::Never(), answers.Expect(2));
  }
  REQUIRE(answers.Of(1).status.ok());
  REQUIRE(ReasonOf(answers.Of(2)) == "STORE_CONSTRAINT");
}

TEST_CASE("work whose deadline has passed is not begun") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  ManualClock clock;
  Answers answers;
  StoreThreadOptions options;
  options.clock = &clock;
  StoreThread store(OpenOrFail(path), options);
  {
    Gate gate(store, answers);
    const Deadline soon = Deadline::After(clock.Now(), 50ms);
    store.Submit(Marking(1, 1), soon, answers.Expect(1));
    store.Submit(Marking(1, 2), Deadline::After(clock.Now(), 51ms), answers.Expect(2));
    store.Submit(Marking(1, 3), Deadline::Never(), answers.Expect(3));
    clock.Advance(50ms);
  }
  REQUIRE(answers.Of(1).status.code() == StatusCode::kDeadlineExceeded);
  REQUIRE(ReasonOf(answers.Of(1)) == "BUDGET_GONE");
  REQUIRE(answers.Of(1).waited == 50ms);
  REQUIRE(answers.Of(2).status.ok());
  REQUIRE(answers.Of(2).batch == 2);
  REQUIRE(answers.Of(3).status.ok());
  REQUIRE(Rows(path) == std::vector<std::string>{"1.2", "1.3"});
  REQUIRE(store.counters().expired == 1);
  REQUIRE(store.counters().runs == 3);  // the gate's, and the two
}

TEST_CASE("an item expires while the one before it in its batch is running") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  ManualClock clock;
  Answers answers;
  StoreThreadOptions options;
  options.clock = &clock;
  StoreThread store(OpenOrFail(path), options);
  const auto slow = [&clock](Database& database) {
    clock.Advance(1s);
    return Mark(database, 1, 1);
  };
  {
    Gate gate(store, answers);
    store.Submit(slow, Deadline::Never(), answers.Expect(1));
    store.Submit(Marking(1, 2), Deadline::After(clock.Now(), 500ms), answers.Expect(2));
  }
  REQUIRE(answers.Of(1).status.ok());
  REQUIRE(ReasonOf(answers.Of(2)) == "BUDGET_GONE");
  REQUIRE(Rows(path) == std::vector<std::string>{"1.1"});
}

TEST_CASE("a full queue refuses at once and names its limit") {
  const TempDir directory;
  Answers answers;
  StoreThreadOptions options;
  options.queue_max = 3;
  StoreThread store(OpenOrFail(directory.File("a.db")), options);
  Gate gate(store, answers);
  for (int i = 0; i < 3; ++i) store.Submit(Marking(1, i), Deadline::Never(), answers.Expect(i));
  std::optional<CommitResult> refused;
  store.Submit(Marking(1, 3), Deadline::Never(), [&](const CommitResult& r) { refused = r; });
  REQUIRE(refused.has_value());  // before Submit returned
  REQUIRE(refused->status.code() == StatusCode::kResourceExhausted);
  REQUIRE(ReasonOf(*refused) == "STORE_QUEUE_FULL");
  REQUIRE(DetailOf(refused->status).retry_after.has_value());
  gate.Open();
  REQUIRE(answers.Of(2).status.ok());
}

TEST_CASE("a stopped store has finished what was queued, and refuses what comes later") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  {
    Gate gate(store, answers);
    for (int i = 0; i < 1000; ++i) {
      store.Submit(Marking(1, i), Deadline::Never(), answers.Expect(i));
    }
  }
  store.Stop();
  store.Stop();
  REQUIRE(answers.All().size() == 1001);
  REQUIRE(Rows(path).size() == 1000);
  std::optional<CommitResult> refused;
  store.Submit(Marking(2, 1), Deadline::Never(), [&](const CommitResult& r) { refused = r; });
  REQUIRE(refused.has_value());
  REQUIRE(refused->status.code() == StatusCode::kUnavailable);
  REQUIRE(ReasonOf(*refused) == "STOPPING");
}

TEST_CASE("done may submit, and what it captures goes as soon as it has run") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  auto second = answers.Expect(2);
  auto token = std::make_shared<int>();
  const std::weak_ptr<int> watched = token;
  store.Submit([token](Database& database) { return Mark(database, 1, *token); }, Deadline::Never(),
               [&](const CommitResult&) {
                 store.Submit(Marking(1, 2), Deadline::Never(), std::move(second));
               });
  token.reset();
  REQUIRE(answers.Of(2).status.ok());
  REQUIRE(watched.expired());
}

TEST_CASE("exactly one answer each, in order for each submitter, with Stop racing") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  constexpr int kSubmitters = 8;
  constexpr int kEach = 400;
  std::array<std::array<std::atomic<int>, kEach>, kSubmitters> answered{};
  std::array<std::array<std::atomic<bool>, kEach>, kSubmitters> accepted{};
  StoreThread store(OpenOrFail(path));
  std::atomic<int> begun = 0;
  std::vector<std::thread> submitters;
  for (int s = 0; s < kSubmitters; ++s) {
    submitters.emplace_back([&, s] {
      for (int i = 0; i < kEach; ++i) {
        ++begun;
        store.Submit(Marking(s, i), Deadline::Never(), [&, s, i](const CommitResult& result) {
          ++answered[s][i];
          accepted[s][i] = result.status.ok();
        });
      }
    });
  }
  while (begun < kSubmitters * kEach / 2) std::this_thread::yield();
  std::thread other_stop([&store] { store.Stop(); });
  store.Stop();
  for (std::thread& submitter : submitters) submitter.join();
  other_stop.join();
  std::set<std::string> expected;
  for (int s = 0; s < kSubmitters; ++s) {
    for (int i = 0; i < kEach; ++i) {
      REQUIRE(answered[s][i] == 1);
      if (accepted[s][i]) expected.insert(fmt::format("{}.{}", s, i));
    }
  }
  const std::vector<std::string> rows = Rows(path);
  REQUIRE(std::set<std::string>(rows.begin(), rows.end()) == expected);
  REQUIRE(rows.size() == expected.size());
  std::array<int, kSubmitters> last{};
  last.fill(-1);
  for (const std::string& row : rows) {
    const int s = std::stoi(row);
    const int i = std::stoi(row.substr(row.find('.') + 1));
    REQUIRE(i > last[static_cast<std::size_t>(s)]);
    last[static_cast<std::size_t>(s)] = i;
  }
}

}  // namespace
}  // namespace lockstep::store
