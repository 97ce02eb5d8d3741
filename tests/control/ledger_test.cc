// The ledger: every kind of end falls into exactly one category, and a reset loses nothing.
#include "common/control/ledger.h"

#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "common/rpc/proto_values.h"
#include "tests/support/catch.h"

namespace lockstep::control {
namespace {

using std::chrono_literals::operator""ms;

const std::string kMethod = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";

rpc::EndedCall Call(StatusCode code, bool begun, bool late, bool abandoned) {
  return {.method = kMethod,
          .code = code,
          .took = 5ms,
          .begun = begun,
          .late = late,
          .abandoned = abandoned,
          .duplicate = false};
}

std::vector<const v1::Tally*> Tallies(const v1::Ledger& ledger) {
  return {&ledger.useful(),      &ledger.finished_late(), &ledger.finished_abandoned(),
          &ledger.never_begun(), &ledger.refused(),       &ledger.failed()};
}

std::int64_t Sum(const v1::Ledger& ledger) {
  std::int64_t sum = 0;
  for (const v1::Tally* tally : Tallies(ledger)) sum += tally->count();
  return sum;
}

class NoEntry final : public rpc::CallTable::Entry {
 public:
  explicit NoEntry(Deadline deadline, bool cancelled = false)
      : deadline_(deadline), cancelled_(cancelled) {}
  rpc::CallTable::Description Describe() const override {
    return {.method = kMethod,
            .peer = "",
            .arrival = {},
            .arrival_wall = {},
            .deadline = deadline_,
            .deadline_from_caller = true,
            .cancelled = cancelled_,
            .shell = {}};
  }

 private:
  const Deadline deadline_;
  const bool cancelled_;
};

TEST_CASE("each way in which a call can end has one category") {
  struct Row {
    StatusCode code;
    bool begun, late, abandoned;
    Category category;
  };
  using enum StatusCode;
  const std::vector<Row> rows = {
      {kOk, true, false, false, Category::kUseful},
      {kInvalidArgument, true, false, false, Category::kUseful},
      {kNotFound, true, false, false, Category::kUseful},
      {kAlreadyExists, true, false, false, Category::kUseful},
      {kFailedPrecondition, true, false, false, Category::kUseful},
      {kAborted, true, false, false, Category::kUseful},
      {kOutOfRange, true, false, false, Category::kUseful},
      {kUnavailable, true, false, false, Category::kFailed},
      {kInternal, true, false, false, Category::kFailed},
      {kUnknown, true, false, false, Category::kFailed},
      {kUnimplemented, true, false, false, Category::kFailed},
      {kDataLoss, true, false, false, Category::kFailed},
      {kCancelled, true, false, false, Category::kFailed},
      {kDeadlineExceeded, true, false, false, Category::kFailed},  // downstream's, within our time
      {kUnavailable, false, false, false, Category::kFailed},      // stopping, before it was begun
      {kResourceExhausted, true, false, false, Category::kRefused},
      {kResourceExhausted, false, false, false, Category::kRefused},
      {kResourceExhausted, true, true, true, Category::kRefused},
      {kResourceExhausted, false, true, true, Category::kNeverBegun},
      {kDeadlineExceeded, false, true, true, Category::kNeverBegun},
      {kDeadlineExceeded, false, false, true, Category::kNeverBegun},
      {kOk, true, true, true, Category::kFinishedLate},
      {kInternal, true, true, true, Category::kFinishedLate},
      {kDeadlineExceeded, true, true, true, Category::kFinishedLate},
      {kOk, true, false, true, Category::kFinishedAbandoned},
      {kCancelled, true, false, true, Category::kFinishedAbandoned},
  };
  for (const Row& row : rows) {
    INFO("code " << CodeName(row.code) << " begun " << row.begun << " late " << row.late
                 << " abandoned " << row.abandoned);
    const rpc::EndedCall call = Call(row.code, row.begun, row.late, row.abandoned);
    CHECK(CategoryOf(call) == row.category);
    rpc::CallTable calls;
    Ledger ledger("test", calls);
    ledger.Ended(call);
    const v1::Ledger counts = ledger.Read();
    CHECK(Sum(counts) == 1);
    const v1::Tally& tally = *Tallies(counts)[static_cast<std::size_t>(row.category)];
    CHECK(tally.count() == 1);
    CHECK(rpc::ToDuration(tally.time()) == 5ms);
  }
}

TEST_CASE("a duplicate is a part of useful, and only if it is useful") {
  rpc::CallTable calls;
  Ledger ledger("test", calls);
  rpc::EndedCall call = Call(StatusCode::kFailedPrecondition, true, false, false);
  call.duplicate = true;
  ledger.Ended(call);
  call.late = call.abandoned = true;
  ledger.Ended(call);
  const v1::Ledger counts = ledger.Read();
  CHECK(counts.useful().count() == 1);
  CHECK(counts.finished_late().count() == 1);
  CHECK(counts.duplicates().count() == 1);
  CHECK(rpc::ToDuration(counts.duplicates().time()) == 5ms);
}

TEST_CASE("a reset answers with the counts as they were, and no call is lost between resets") {
  rpc::CallTable calls;
  Ledger ledger("test", calls);
  constexpr int kThreads = 3;
  constexpr int kCalls = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&ledger] {
      for (int i = 0; i < kCalls; ++i)
        ledger.Ended(
            Call(i % 2 == 0 ? StatusCode::kOk : StatusCode::kInternal, true, false, false));
    });
  }
  std::int64_t sum = 0;
  Duration time{};
  const auto add = [&](const v1::Ledger& counts) {
    sum += Sum(counts);
    for (const v1::Tally* tally : Tallies(counts)) time += rpc::ToDuration(tally->time());
  };
  for (int i = 0; i < 50; ++i) add(ledger.Reset());
  for (std::thread& thread : threads) thread.join();
  add(ledger.Reset());
  CHECK(sum == kThreads * kCalls);
  CHECK(time == kThreads * kCalls * 5ms);
  CHECK(Sum(ledger.Read()) == 0);
}

TEST_CASE("gauges: calls now, most and abandoned, threads held, the queue, since when") {
  ManualClock clock;
  rpc::CallTable calls;
  Ledger ledger("order", calls, clock);
  NoEntry in_time(Deadline::After(clock.Now(), 10ms));
  NoEntry gone(Deadline::After(clock.Now(), 10ms), /*cancelled=*/true);
  NoEntry without(Deadline::Never());
  for (NoEntry* entry : {&in_time, &gone, &without}) calls.Add(*entry);
  int waiting_most = 7;
  ledger.SetQueue([&] { return Ledger::QueueCounts{2, waiting_most}; }, [&] { waiting_most = 2; });
  {
    const HighWater::Hold first(ledger.threads_held());
    const HighWater::Hold second(ledger.threads_held());
  }
  const HighWater::Hold third(ledger.threads_held());

  v1::Ledger counts = ledger.Read();
  CHECK(counts.node() == "order");
  CHECK(rpc::ToTime(counts.since_time()) == clock.WallNow());
  CHECK(counts.calls_now() == 3);
  CHECK(counts.calls_most() == 3);
  CHECK(counts.calls_abandoned_now() == 1);
  CHECK(counts.threads_held_now() == 1);
  CHECK(counts.threads_held_most() == 2);
  CHECK(counts.queue_length_now() == 2);
  CHECK(counts.queue_length_most() == 7);

  calls.Remove(without);
  clock.Advance(10ms);  // the deadline itself has passed
  counts = ledger.Reset();
  CHECK(counts.calls_now() == 2);
  CHECK(counts.calls_most() == 3);
  CHECK(counts.calls_abandoned_now() == 2);
  CHECK(rpc::ToTime(counts.since_time()) == clock.WallNow() - 10ms);
  CHECK(counts.queue_length_most() == 7);

  counts = ledger.Read();
  CHECK(counts.calls_most() == 2);
  CHECK(counts.threads_held_most() == 1);
  CHECK(counts.queue_length_most() == 2);
  CHECK(rpc::ToTime(counts.since_time()) == clock.WallNow());
}

TEST_CASE(
    "messages are counted from the last reset on, and absent without a service that has them") {
  rpc::CallTable calls;
  Ledger ledger("order", calls);
  CHECK(!ledger.Read().has_messages());
  CHECK(!ledger.Reset().has_messages());

  v1::MessageCounts since_start;
  since_start.set_sent(5);
  since_start.set_orders_on_stale_data(1);
  ledger.SetMessages([&since_start] { return since_start; });
  CHECK(ledger.Read().messages().sent() == 5);
  CHECK(ledger.Reset().messages().sent() == 5);
  CHECK(ledger.Read().messages().sent() == 0);

  since_start.set_sent(8);
  since_start.set_duplicates(2);
  const v1::MessageCounts counts = ledger.Reset().messages();
  CHECK(counts.sent() == 3);
  CHECK(counts.duplicates() == 2);
  CHECK(counts.orders_on_stale_data() == 0);
  CHECK(ledger.Read().has_messages());
  CHECK(ledger.Read().messages().SerializeAsString().empty());
}

}  // namespace
}  // namespace lockstep::control
