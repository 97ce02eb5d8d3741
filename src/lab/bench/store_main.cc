// lockstep-bench-store: the store alone, at work, with rows as large as an order's. Threads: the
// store's writes and submits the next item from its done; main waits.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/store/migrations.h"
#include "common/store/store_thread.h"
#include "lab/bench/process.h"

namespace lockstep::lab {
namespace {

// So many items waiting at any moment.
struct StoreLoad {
  std::string db;  // the file to make
  int waiting = 64;
  int batch = 0;  // items a commit at most; 0: the store's default
  double warm_up = 0.2;
  double seconds = 1;
};

constexpr std::array<std::string_view, 1> kScripts = {
    "CREATE TABLE orders (order_id TEXT PRIMARY KEY, state INTEGER NOT NULL, consumer_id TEXT NOT "
    "NULL, "
    "restaurant_id TEXT NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE requests (request_id TEXT PRIMARY KEY, order_id TEXT NOT NULL) WITHOUT ROWID;"};

constexpr std::size_t kContentBytes = 600;  // of an order of five lines and two verdicts

Status InsertOrder(store::Database& database, const std::string& content) {
  const std::string order_id = NewId(Clock::Real().WallNow());
  Status status = database.Run("INSERT INTO requests VALUES (?1, ?2)",
                               NewId(Clock::Real().WallNow()), order_id);
  if (!status.ok()) return status;
  return database.Run("INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5)", order_id, 1,
                      std::string_view("bench-consumer-0001"),
                      std::string_view("bench-restaurant-01"), store::Blob{content});
}

// Keeps the store supplied from its own answers: each done submits the next item.
class Supply {
 public:
  Supply(store::StoreThread& store, std::int64_t counted_from, std::int64_t until)
      : store_(store), content_(kContentBytes, 'o'), counted_from_(counted_from), until_(until) {
    latencies_us_.reserve(1 << 20);
  }

  void Begin(int waiting) {
    under_way_ = waiting;
    for (int i = 0; i < waiting; ++i) One();
  }
  void WaitForEnd() {
    for (int now = under_way_.load(); now > 0; now = under_way_.load()) under_way_.wait(now);
  }
  std::vector<double>& latencies_us() { return latencies_us_; }
  double cpu_seconds() const { return cpu_to_ - cpu_from_; }
  bool failed() const { return failed_; }

 private:
  void One() {
    const std::int64_t submitted = MonotonicNanos();
    store_.Submit(
        [this](store::Database& database) { return InsertOrder(database, content_); },
        Deadline::Never(),
        [this, submitted](const store::CommitResult& result) { Done(submitted, result.status); });
  }

  void Done(std::int64_t submitted, const Status& status) {
    const std::int64_t now = MonotonicNanos();
    if (!status.ok()) {
      fmt::print(stderr, "{}\n", MessageOf(status));
      failed_ = true;
    }
    if (now >= counted_from_ && cpu_from_ == 0) cpu_from_ = CpuSeconds(0);
    if (now >= until_ && cpu_to_ == 0) cpu_to_ = CpuSeconds(0);
    if (now >= counted_from_ && now < until_)
      latencies_us_.push_back(1e-3 * static_cast<double>(now - submitted));
    if (now < until_ && !failed_) {
      One();
    } else if (--under_way_ == 0) {
      under_way_.notify_one();
    }
  }

  store::StoreThread& store_;
  const std::string content_;
  const std::int64_t counted_from_;
  const std::int64_t until_;
  std::atomic<int> under_way_ = 0;
  std::vector<double> latencies_us_;  // these: the store's thread only, until the end
  double cpu_from_ = 0;
  double cpu_to_ = 0;
  bool failed_ = false;
};

int RunStore(const StoreLoad& options) {
  auto database =
      store::OpenWithSchema(options.db, {.application_id = 0x42454e43, .scripts = kScripts});
  if (!database.ok()) {
    fmt::print(stderr, "{}\n", MessageOf(database.status()));
    return 1;
  }
  store::StoreThreadOptions how;
  if (options.batch > 0) how.batch_max = options.batch;
  store::StoreThread store(*std::move(database), how);
  const std::int64_t counted_from =
      MonotonicNanos() + static_cast<std::int64_t>(options.warm_up * 1e9);
  Supply supply(store, counted_from,
                counted_from + static_cast<std::int64_t>(options.seconds * 1e9));
  supply.Begin(options.waiting);
  supply.WaitForEnd();
  store.Stop();
  std::vector<double>& latencies = supply.latencies_us();
  std::sort(latencies.begin(), latencies.end());
  const auto items = static_cast<double>(latencies.size());
  const auto counters = store.counters();
  JsonObject()
      .Add("items", static_cast<std::int64_t>(latencies.size()))
      .Add("rate", items / options.seconds)
      .Add("cpu_us", 1e6 * supply.cpu_seconds() / items)
      .Add("items_per_commit",
           static_cast<double>(counters.items) / static_cast<double>(counters.commits))
      .Add("p50_us", Percentile(latencies, 0.5))
      .Add("p99_us", Percentile(latencies, 0.99))
      .Print();
  return supply.failed() ? 1 : 0;
}

}  // namespace
}  // namespace lockstep::lab

int main(int argc, char** argv) {
  lockstep::lab::StoreLoad store;
  CLI::App app("The store alone, for scripts/bench.", "lockstep-bench-store");
  app.add_option("--db", store.db, "the file to make")->required();
  app.add_option("--waiting", store.waiting, "items at any moment")->capture_default_str();
  app.add_option("--batch", store.batch, "items a commit at most");
  app.add_option("--seconds", store.seconds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return lockstep::lab::RunStore(store);
}
