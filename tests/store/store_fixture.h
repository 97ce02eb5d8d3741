// What the tests of the one writer share: a table of marks, answers that can be waited for, and a
// gate that holds the store thread.
#pragma once

#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/store/migrations.h"
#include "common/store/store_thread.h"
#include "tests/support/catch.h"

namespace lockstep::store::test_marks {

using namespace std::chrono_literals;

inline constexpr std::array<std::string_view, 1> kScripts = {
    "CREATE TABLE marks (place INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, "
    "nth INTEGER NOT NULL, text TEXT, UNIQUE (owner, nth))"};
inline constexpr Schema kSchema{0x4C4B5402, kScripts};

inline std::unique_ptr<Database> OpenOrFail(const std::string& path, DatabaseOptions options = {}) {
  auto database = OpenWithSchema(path, kSchema, options);
  INFO(MessageOf(database.status()));
  REQUIRE(database.ok());
  return *std::move(database);
}

inline Status Mark(Database& database, int owner, int nth, std::string_view text = "") {
  return database.Run("INSERT INTO marks (owner, nth, text) VALUES (?1, ?2, ?3)", owner, nth, text);
}

inline StoreThread::Work Marking(int owner, int nth) {
  return [owner, nth](Database& database) { return Mark(database, owner, nth); };
}

// Every row as "owner.nth", in the order in which they were committed.
inline std::vector<std::string> Rows(const std::string& path) {
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

inline std::string ReasonOf(const CommitResult& result) { return DetailOf(result.status).reason; }

}  // namespace lockstep::store::test_marks
