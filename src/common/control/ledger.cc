#include "common/control/ledger.h"

#include <algorithm>
#include <utility>

#include "common/rpc/proto_values.h"

namespace lockstep::control {
namespace {

// The server did what it was asked: it answered, or said what is wrong with the question.
bool IsAnswer(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAborted:
    case StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// Calls visit(category, tally) for each category of a ledger.
template <class Visit>
void ForEachTally(v1::Ledger& ledger, Visit visit) {
  visit(Category::kUseful, *ledger.mutable_useful());
  visit(Category::kFinishedLate, *ledger.mutable_finished_late());
  visit(Category::kFinishedAbandoned, *ledger.mutable_finished_abandoned());
  visit(Category::kNeverBegun, *ledger.mutable_never_begun());
  visit(Category::kRefused, *ledger.mutable_refused());
  visit(Category::kFailed, *ledger.mutable_failed());
}

}  // namespace

Category CategoryOf(const rpc::EndedCall& call) {
  if (!call.begun && (call.late || call.abandoned)) return Category::kNeverBegun;
  if (call.code == StatusCode::kResourceExhausted) return Category::kRefused;
  if (call.begun && call.late) return Category::kFinishedLate;
  if (call.begun && call.abandoned) return Category::kFinishedAbandoned;
  return IsAnswer(call.code) ? Category::kUseful : Category::kFailed;
}

void Ledger::Counter::Count(Duration took) {
  count.fetch_add(1, std::memory_order_relaxed);
  nanos.fetch_add(took.count(), std::memory_order_relaxed);
}

void Ledger::Counter::ReadInto(v1::Tally& tally) const {
  tally.set_count(count.load(std::memory_order_relaxed));
  rpc::SetDuration(Duration(nanos.load(std::memory_order_relaxed)), tally.mutable_time());
}

void Ledger::Counter::TakeInto(v1::Tally& tally) {
  tally.set_count(count.exchange(0, std::memory_order_relaxed));
  rpc::SetDuration(Duration(nanos.exchange(0, std::memory_order_relaxed)), tally.mutable_time());
}

Ledger::Ledger(std::string node, rpc::CallTable& calls, const Clock& clock)
    : node_(std::move(node)), calls_(calls), clock_(clock), since_(clock.WallNow()) {}

void Ledger::Ended(const rpc::EndedCall& call) {
  const Category category = CategoryOf(call);
  counters_[static_cast<std::size_t>(category)].Count(call.took);
  if (category == Category::kUseful && call.duplicate) duplicates_.Count(call.took);
}

void Ledger::SetQueue(std::function<QueueCounts()> counts, std::function<void()> reset_most) {
  const std::lock_guard lock(mutex_);
  queue_counts_ = std::move(counts);
  reset_queue_most_ = std::move(reset_most);
}

void Ledger::AddLoop(rpc::CompletionLoop& loop) {
  const std::lock_guard lock(mutex_);
  loops_.push_back(&loop);
}

void Ledger::SetMessages(std::function<v1::MessageCounts()> since_start) {
  const std::lock_guard lock(mutex_);
  messages_since_start_ = std::move(since_start);
}

v1::Ledger Ledger::Read() const {
  v1::Ledger out;
  const std::lock_guard lock(mutex_);
  ForEachTally(out, [this](Category category, v1::Tally& tally) {
    counters_[static_cast<std::size_t>(category)].ReadInto(tally);
  });
  duplicates_.ReadInto(*out.mutable_duplicates());
  if (messages_since_start_) ReadMessages(messages_since_start_(), out);
  ReadGauges(out);
  return out;
}

v1::Ledger Ledger::Reset() {
  v1::Ledger out;
  const std::lock_guard lock(mutex_);
  ForEachTally(out, [this](Category category, v1::Tally& tally) {
    counters_[static_cast<std::size_t>(category)].TakeInto(tally);
  });
  duplicates_.TakeInto(*out.mutable_duplicates());
  if (messages_since_start_) {
    const v1::MessageCounts now = messages_since_start_();
    ReadMessages(now, out);
    messages_at_reset_ = now;
  }
  ReadGauges(out);
  ResetGauges();
  return out;
}

void Ledger::ReadMessages(const v1::MessageCounts& messages_now, v1::Ledger& out) const {
  v1::MessageCounts& counts = *out.mutable_messages();
  const auto* const reflection = v1::MessageCounts::GetReflection();
  const auto* const type = v1::MessageCounts::GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {  // all of them are int64
    const auto* const field = type->field(i);
    reflection->SetInt64(&counts, field,
                         reflection->GetInt64(messages_now, field) -
                             reflection->GetInt64(messages_at_reset_, field));
  }
}

void Ledger::ReadGauges(v1::Ledger& out) const {
  out.set_node(node_);
  rpc::SetTime(since_, out.mutable_since_time());
  out.set_calls_now(calls_.now());
  out.set_calls_most(calls_.most());
  out.set_calls_abandoned_now(calls_.CountAbandoned(clock_.Now()));
  out.set_threads_held_now(threads_held_.now());
  out.set_threads_held_most(threads_held_.most());
  if (queue_counts_) {
    const QueueCounts queue = queue_counts_();
    out.set_queue_length_now(queue.waiting_now);
    out.set_queue_length_most(queue.waiting_most);
  }
  Duration gap{};
  for (const rpc::CompletionLoop* loop : loops_) gap = std::max(gap, loop->LongestGap());
  rpc::SetDuration(gap, out.mutable_loop_gap_longest());
}

void Ledger::ResetGauges() {
  since_ = clock_.WallNow();
  calls_.ResetMost();
  threads_held_.ResetMost();
  if (reset_queue_most_) reset_queue_most_();
  for (rpc::CompletionLoop* loop : loops_) loop->ResetLongestGap();
}

}  // namespace lockstep::control
