// The one writer over a file that is locked, full or broken: nothing is half done, health knows,
// and it works again afterwards.
#include <sys/resource.h>

#include <csignal>

#include "common/store/store_thread.h"
#include "common/store/transaction.h"
#include "tests/store/store_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::store {
namespace {

using namespace std::chrono_literals;
using namespace test_marks;
using test::TempDir;

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

}  // namespace
}  // namespace lockstep::store
