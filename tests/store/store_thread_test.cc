// The contract of the one writer: exactly one answer, after the commit, in order; one item's error
// harms no other; nothing is begun past its deadline.
#include "common/store/store_thread.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <set>

#include "common/store/migrations.h"
#include "common/store/transaction.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using test::TempDir;

constexpr std::array<std::string_view, 1> kScripts = {
    "CREATE TABLE marks (place INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, "
    "nth INTEGER NOT NULL, text TEXT, UNIQUE (owner, nth))"};
constexpr Schema kSchema{0x4C4B5402, kScripts};

std::unique_ptr<Database> OpenOrFail(const std::string& path, DatabaseOptions options = {}) {
  auto database = OpenWithSchema(path, kSchema, options);
  INFO(MessageOf(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

Status Mark(Database& database, int owner, int nth, std::string_view text = "") {
  return database.Run("INSERT INTO marks (owner, nth, text) VALUES (?1, ?2, ?3)", owner, nth, text);
}

StoreThread::Work Marking(int owner, int nth) {
  return [owner, nth](Database& database) { return Mark(database, owner, nth); };
}

// Every row as "owner.nth", in the order in which they were committed.
std::vector<std::string> Rows(const std::string& path) {
  auto database = *Database::Open(path, Mode::kReadOnly);
  std::vector<std::string> rows;
  Statement row = database->Prepare("SELECT owner, nth FROM marks ORDER BY place");
  while (row.Step()) rows.push_back(fmt::format("{}.{}", row.Int(0), row.Int(1)));
  REQUIRE(row.Finish().ok());
  return rows;
}

// Answers, collected from the store thread and waited for.
class Answers {
 public:
  StoreThread::Done Expect(int name) {
    const std::lock_guard lock(mutex_);
    ++expected_;
    return [this, name](const CommitResult& result) {
      const std::lock_guard answer_lock(mutex_);
      results_.emplace_back(name, result);
      changed_.notify_all();
    };
  }
  // All that were expected so far, in the order in which they came.
  std::vector<std::pair<int, CommitResult>> All() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 30s, [this] { return results_.size() >= expected_; }));
    return results_;
  }
  CommitResult Of(int name) {
    for (const auto& [other, result] : All()) {
      if (other == name) return result;
    }
    FAIL("no answer of that name");
    return {};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t expected_ = 0;
  std::vector<std::pair<int, CommitResult>> results_;
};

// Holds the store thread inside a work item, so that what is submitted meanwhile is one batch.
class Gate {
 public:
  // Returns once the store thread is held.
  Gate(StoreThread& store, Answers& answers) {
    store.Submit(
        [state = state_](Database&) {
          std::unique_lock lock(state->mutex);
          state->held = true;
          state->changed.notify_all();
          state->changed.wait(lock, [&state] { return state->open; });
          return OkStatus();
        },
        Deadline::Never(), answers.Expect(-1));
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->held; });
  }
  ~Gate() { Open(); }
  void Open() {
    const std::lock_guard lock(state_->mutex);
    state_->open = true;
    state_->changed.notify_all();
  }

 private:
  struct State {  // shared: the work may still be leaving when the gate has gone
    std::mutex mutex;
    std::condition_variable changed;
    bool held = false;
    bool open = false;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

std::string ReasonOf(const CommitResult& result) { return DetailOf(result.status).reason; }

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

TEST_CASE("a locked file fails the batch, tells health, and works again when it is free") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  DatabaseOptions impatient;
  impatient.busy_budget = 50ms;
  Answers answers;
  auto other = OpenOrFail(path);
  StoreThread store(OpenOrFail(path, impatient));
  auto held = Transaction::Begin(*other);
  REQUIRE(held.ok());
  store.Submit(Marking(1, 1), Deadline::Never(), answers.Expect(1));
  REQUIRE(answers.Of(1).status.code() == StatusCode::kUnavailable);
  REQUIRE(ReasonOf(answers.Of(1)) == "STORE_LOCKED");
  REQUIRE_FALSE(store.writable());
  store.Probe(Deadline::Never(), answers.Expect(2));
  REQUIRE(ReasonOf(answers.Of(2)) == "STORE_LOCKED");
  held->Rollback();
  store.Submit([](Database&) { return OkStatus(); }, Deadline::Never(), answers.Expect(3));
  REQUIRE(answers.Of(3).status.ok());
  REQUIRE_FALSE(store.writable());  // it wrote nothing, so it has shown nothing
  store.Probe(Deadline::Never(), answers.Expect(4));
  REQUIRE(answers.Of(4).status.ok());
  REQUIRE(store.writable());
  REQUIRE(Rows(path).empty());
}

TEST_CASE("stopping over a locked file takes one busy budget, not one for each batch") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  DatabaseOptions impatient;
  impatient.busy_budget = 200ms;
  StoreThreadOptions options;
  options.batch_max = 1;
  Answers answers;
  auto other = OpenOrFail(path);
  StoreThread store(OpenOrFail(path, impatient), options);
  const SteadyTime start = Clock::Real().Now();
  auto held = Transaction::Begin(*other);
  REQUIRE(held.ok());
  for (int i = 0; i < 100; ++i) store.Submit(Marking(1, i), Deadline::Never(), answers.Expect(i));
  store.Stop();
  REQUIRE(Clock::Real().Now() - start < 5s);  // 20 s if each had its own
  for (const auto& [name, result] : answers.All()) {
    REQUIRE(result.status.code() == StatusCode::kUnavailable);
  }
  REQUIRE(ReasonOf(answers.Of(99)) == "STOPPING");
}

TEST_CASE("a full disk fails what does not fit and nothing else") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  auto database = OpenOrFail(path);
  Statement limit = database->Prepare("PRAGMA max_page_count = 12");
  REQUIRE(limit.Step());
  REQUIRE(limit.Finish().ok());
  Answers answers;
  StoreThread store(std::move(database));
  const auto large = [](Database& db) { return Mark(db, 1, 2, std::string(100'000, 'x')); };
  {
    Gate gate(store, answers);
    store.Submit(Marking(1, 1), Deadline::Never(), answers.Expect(1));
    store.Submit(large, Deadline::Never(), answers.Expect(2));
    store.Submit(Marking(1, 3), Deadline::Never(), answers.Expect(3));
  }
  REQUIRE(answers.Of(1).status.ok());
  REQUIRE(answers.Of(2).status.code() == StatusCode::kUnavailable);
  REQUIRE(ReasonOf(answers.Of(2)) == "STORE_FULL");
  REQUIRE(answers.Of(3).status.ok());
  REQUIRE(Rows(path) == std::vector<std::string>{"1.1", "1.3"});
  REQUIRE(store.writable());  // the last attempt wrote
  store.Submit(large, Deadline::Never(), answers.Expect(4));
  REQUIRE(ReasonOf(answers.Of(4)) == "STORE_FULL");
  REQUIRE_FALSE(store.writable());
}

// While it lives, no file of this process can grow: writes past its end fail, as on a broken disk.
class NoGrowth {
 public:
  NoGrowth() {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_before_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit none = before_;
    none.rlim_cur = 0;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
  }
  ~NoGrowth() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_before_);
  }

 private:
  rlimit before_{};
  void (*handler_before_)(int) = nullptr;
};

TEST_CASE("a commit that fails is the answer to its whole batch, and nothing of it is done") {
  const TempDir directory;
  const std::string path = directory.File("a.db");
  Answers answers;
  StoreThread store(OpenOrFail(path));
  {
    Gate gate(store, answers);
    for (int i = 0; i < 3; ++i) store.Submit(Marking(1, i), Deadline::Never(), answers.Expect(i));
    const NoGrowth broken;
    gate.Open();
    answers.All();
  }
  for (int i = 0; i < 3; ++i) {
    REQUIRE(answers.Of(i).status.code() == StatusCode::kUnavailable);
    REQUIRE(ReasonOf(answers.Of(i)) == "STORE_IO");
  }
  REQUIRE(Rows(path).empty());
  REQUIRE_FALSE(store.writable());
  store.Submit(Marking(1, 7), Deadline::Never(), answers.Expect(7));
  REQUIRE(answers.Of(7).status.ok());
  REQUIRE(store.writable());
  REQUIRE(Rows(path) == std::vector<std::string>{"1.7"});
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
