#include "common/message/relay_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "common/base/kill_point.h"
#include "common/base/log.h"
#include "common/message/envelope.h"

namespace lockstep::message {
namespace {

constexpr std::size_t kDepth = 2;  // deliveries under way: one is on the wire while one commits
constexpr int kScanRows = 4096;    // rows that one look passes over at most: about 5 ms

SteadyTime Now() { return Clock::Real().Now(); }
WallTime WallNow() { return Clock::Real().WallNow(); }

// min, twice that, and so on up to max; between half of it and all of it, so that those who failed
// together do not try together.
Duration BackoffAfter(int failures, const RelayOptions& options) {
  thread_local std::minstd_rand engine{std::random_device()()};
  constexpr int kDoublingsMax = 20;
  const auto grown = options.backoff_min * (1 << std::clamp(failures - 1, 0, kDoublingsMax));
  const Duration full = std::min<Duration>(grown, options.backoff_max);
  return std::chrono::duration_cast<Duration>(full *
                                              std::uniform_real_distribution(0.5, 1.0)(engine));
}

}  // namespace

SteadyTime RelaySender::Pump() {
  now_ = Now();
  next_ = SteadyTime::max();
  if (!HaveLease()) return next_;
  if (HasWork()) RenewLease();
  ProbeDue();
  if (now_ < not_before_) {
    WantAt(not_before_);
    return next_;
  }
  do {
    Fill();
  } while (DeliverNext());
  return next_;
}

// --- the lease

bool RelaySender::HaveLease() {
  if (lease_until_ > now_) return true;
  if (asking_ || !HasWork()) return false;
  if (now_ < not_before_) {
    WantAt(not_before_);
    return false;
  }
  if (Status status = context_.transport.Knows(destination_); !status.ok()) {
    context_.report(destination_, {.error = ErrorText(status)});
    Forget();  // until the next commit: it is nothing that passes
    return false;
  }
  // Who takes the lease without need keeps it from who needs it next.
  const StatusOr<bool> waits = SomethingWaits(context_.database, destination_);
  if (!waits.ok()) {
    BackOff(waits.status());
    return false;
  }
  Forget();
  more_ = *waits;
  if (!more_) return false;
  const StatusOr<Lease> lease = ReadLease(context_.database, destination_);
  if (!lease.ok()) {
    BackOff(lease.status());
    return false;
  }
  const WallTime wall = WallNow();
  if (lease->holder != context_.options.holder && lease->until > wall) {
    // Never longer than a lease, whatever the wall clock does.
    WantAt(now_ + std::min<Duration>(lease->until - wall, context_.options.lease));
    return false;
  }
  AskForLease();
  return false;
}

void RelaySender::AskForLease() {
  asking_ = true;
  ++writes_;
  const SteadyTime until = now_ + context_.options.lease;
  const auto got = std::make_shared<bool>(false);
  context_.file.writer().Submit(
      [this, got](store::Database& database) {
        const WallTime wall = WallNow();
        const StatusOr<bool> taken = TakeLease(database, destination_, context_.options.holder,
                                               wall, wall + context_.options.lease);
        *got = taken.ok() && *taken;
        return taken.status();
      },
      Deadline::Never(),
      [this, got, until](const store::CommitResult& result) {
        context_.post([this, got, until, status = result.status] {
          asking_ = false;
          --writes_;
          if (!status.ok()) {
            BackOff(status);
          } else if (*got) {
            lease_until_ = until;
          } else {
            lease_until_ = SteadyTime{};
          }
        });
      });
}

void RelaySender::RenewLease() {
  const SteadyTime due = lease_until_ - context_.options.lease / 2;
  if (asking_) return;
  if (now_ < due) {
    WantAt(due);
    return;
  }
  AskForLease();
}

// Begins anew from the file: another process may have changed what is known here.
void RelaySender::Forget() {
  more_ = false;
  cursor_ = 0;
  buffer_.clear();
  held_.clear();
  due_first_ = SteadyTime::max();
}

// --- reading

void RelaySender::ProbeDue() {
  if (held_.empty()) return;
  if (now_ >= due_first_) {
    due_first_ = SteadyTime::max();
    for (auto& [key, held] : held_) {
      // One whose last try is not written yet is looked at again once it is.
      if (held.probe || busy_.contains(held.sequence)) continue;
      if (held.due <= now_) {
        held.probe = true;
        GoBackTo(held.sequence);
      } else {
        due_first_ = std::min(due_first_, held.due);
      }
    }
  }
  WantAt(due_first_);
}

void RelaySender::Fill() {
  if (!more_ || buffer_.size() >= static_cast<std::size_t>(context_.options.batch_max)) return;
  // Marks that do not come back must not let busy_ grow.
  const auto busy_max = (kDepth + 4) * static_cast<std::size_t>(context_.options.batch_max);
  if (busy_.size() >= busy_max) return;
  Marks marks;
  const StatusOr<bool> all =
      ReadWaiting(context_.database, destination_, cursor_, kScanRows,
                  [this, &marks](const WaitingRow& row) { return Look(row, marks); });
  if (!marks.empty()) Write(std::move(marks));
  if (!all.ok()) {
    BackOff(all.status());
  } else if (*all) {
    more_ = false;
  } else if (buffer_.empty() && held_.size() < limits::kRelayKeysHeldMax) {
    WantAt(now_);  // all of them were passed over: on with the next
  }
}

// False: no more rows are wanted; the cursor then stands before this one.
bool RelaySender::Look(const WaitingRow& row, Marks& marks) {
  if (buffer_.size() >= static_cast<std::size_t>(context_.options.batch_max)) return false;
  if (busy_.contains(row.sequence)) {
    cursor_ = row.sequence;
    return true;
  }
  Row read{row.sequence, std::string(row.key), row.attempts, row.envelope.size(), {}};
  if (const auto held = held_.find(read.key); held != held_.end()) {
    const bool its_turn = held->second.probe && row.sequence == held->second.sequence;
    // The one that was refused is no longer there: it was taken out by somebody else.
    const bool vanished = held->second.probe && row.sequence > held->second.sequence &&
                          !busy_.contains(held->second.sequence) &&
                          std::none_of(buffer_.begin(), buffer_.end(), [&](const Row& other) {
                            return other.sequence == held->second.sequence;
                          });
    if (vanished) held_.erase(held);
    if (!its_turn && !vanished) {
      held->second.skipped = true;
      cursor_ = row.sequence;
      return true;
    }
  } else if (held_.size() >= limits::kRelayKeysHeldMax) {
    return false;
  } else if (const Duration wait = row.due - WallNow(); wait > Duration::zero()) {
    // Refused before a restart, or by another process's relay.
    const SteadyTime due = now_ + std::min<Duration>(wait, context_.options.backoff_max);
    held_.emplace(read.key, Held{.sequence = row.sequence, .due = due});
    due_first_ = std::min(due_first_, due);
    WantAt(due);
    cursor_ = row.sequence;
    return true;
  }
  cursor_ = row.sequence;
  if (!read.envelope.ParseFromArray(row.envelope.data(), static_cast<int>(row.envelope.size()))) {
    GiveUp(read, row.attempts, "DATA_LOSS: the row is no envelope", marks);
    return true;
  }
  // Whoever answers says himself whether he had it before; here nobody does.
  if (failures_ > 0 && IsExpired(read.envelope, WallNow())) {
    held_.erase(read.key);  // those behind it come next
    GiveUp(
        read, row.attempts,
        fmt::format("{}: it expired while {} could not be reached", kMessageExpired, destination_),
        marks);
    return true;
  }
  buffer_.push_back(std::move(read));
  return true;
}

// --- delivering

bool RelaySender::InFlight(std::string_view key) const {
  return std::any_of(deliveries_.begin(), deliveries_.end(),
                     [key](const Delivery& delivery) { return delivery.keys.contains(key); });
}

// Takes from the buffer, in order, what may be under way beside the deliveries that are.
std::vector<RelaySender::Row> RelaySender::NextBatch() {
  std::vector<Row> batch;
  std::deque<Row> rest;
  std::unordered_set<std::string> passed_over;
  std::size_t bytes = 0;
  bool full = false;
  for (Row& row : buffer_) {
    full = full || batch.size() >= static_cast<std::size_t>(context_.options.batch_max) ||
           (!batch.empty() && bytes + row.bytes > limits::kDeliverBytesMax);
    if (full || passed_over.contains(row.key) || InFlight(row.key)) {
      if (!full) passed_over.insert(row.key);
      rest.push_back(std::move(row));
      continue;
    }
    bytes += row.bytes;
    batch.push_back(std::move(row));
  }
  buffer_ = std::move(rest);
  return batch;
}

// False if there was nothing to deliver, or too much is under way.
bool RelaySender::DeliverNext() {
  if (deliveries_.size() >= kDepth || buffer_.empty()) return false;
  std::vector<Row> batch = NextBatch();
  if (batch.empty()) return false;
  const auto place = deliveries_.emplace(deliveries_.end());
  place->rows = std::move(batch);
  std::vector<v1::Envelope> envelopes;
  envelopes.reserve(place->rows.size());
  for (Row& row : place->rows) {
    place->keys.insert(row.key);
    busy_.insert(row.sequence);
    envelopes.push_back(std::move(row.envelope));
  }
  PassKillPoint(KillPoint::kRelayBeforeSend);
  context_.transport.Deliver(destination_, std::move(envelopes),
                             Deadline::After(Now(), context_.options.deliver_timeout),
                             [this, place](StatusOr<std::vector<Taken>> taken) {
                               context_.post([this, place, taken = std::move(taken)]() mutable {
                                 Delivered(place, std::move(taken));
                               });
                             });
  return true;
}

void RelaySender::Delivered(Deliveries::iterator place, StatusOr<std::vector<Taken>> taken) {
  now_ = Now();
  Delivery delivery = std::move(*place);
  deliveries_.erase(place);
  if (taken.ok() && taken->size() != delivery.rows.size()) {
    taken = absl::InternalError(
        fmt::format("{} outcomes for {} messages", taken->size(), delivery.rows.size()));
  }
  if (!taken.ok()) {
    // Nobody knows which were taken: all of them again.
    for (const Row& row : delivery.rows) {
      busy_.erase(row.sequence);
      GoBackTo(row.sequence);
    }
    BackOff(taken.status());
    return;
  }
  Marks marks;
  RelayContext::Report report;
  Status could_not;  // for no fault of a message
  for (std::size_t i = 0; i < delivery.rows.size(); ++i) {
    Sort(delivery.rows[i], (*taken)[i].status, marks, report, could_not);
  }
  // What was read behind a key that waits from now on is read again when its turn comes.
  if (!marks.tried.empty()) {
    std::erase_if(buffer_, [this](const Row& row) {
      const auto held = held_.find(row.key);
      if (held == held_.end() || held->second.sequence == row.sequence) return false;
      held->second.skipped = true;
      return true;
    });
  }
  if (!marks.sent.empty()) PassKillPoint(KillPoint::kRelaySent);
  context_.report(destination_, report);
  if (!marks.empty()) Write(std::move(marks));
  if (could_not.ok()) {
    failures_ = 0;
  } else {
    BackOff(could_not);
  }
}

// What one message came to.
void RelaySender::Sort(const Row& row, const Status& status, Marks& marks,
                       RelayContext::Report& report, Status& could_not) {
  if (status.ok()) {
    marks.sent.push_back(row.sequence);
    ++report.sent;
    Released(row);
    return;
  }
  if (CostsATry(status)) {
    Refused(row, status, marks, report);
    return;
  }
  busy_.erase(row.sequence);
  const auto held = held_.find(row.key);
  if (held != held_.end() && held->second.sequence != row.sequence) {
    held->second.skipped = true;
    return;
  }
  GoBackTo(row.sequence);
  if (could_not.ok() && DetailOf(status).reason != kKeyHeldBack) could_not = status;
}

void RelaySender::Refused(const Row& row, const Status& status, Marks& marks,
                          RelayContext::Report& report) {
  const int attempts = row.attempts + 1;
  ++report.failed;
  report.error = ErrorText(status);
  const bool expired = DetailOf(status).reason == kMessageExpired;
  if (expired || attempts >= context_.options.attempts_max) {
    GiveUp(row, attempts, report.error, marks);
    Released(row);
    return;
  }
  const Duration wait = BackoffAfter(attempts, context_.options);
  Held& held = held_[row.key];
  held.sequence = row.sequence;
  held.due = now_ + wait;
  held.probe = false;
  marks.tried.push_back({row.sequence, attempts, WallNow() + wait, report.error});
}

void RelaySender::GiveUp(const Row& row, int attempts, const std::string& error, Marks& marks) {
  busy_.insert(row.sequence);
  marks.dead.push_back({row.sequence, attempts, {}, error});
  RelayContext::Report report;
  report.dead = 1;
  report.error = error;
  context_.report(destination_, report);
  log::Warning("message_given_up", {{"destination", destination_},
                                    {"key", row.key},
                                    {"attempts", attempts},
                                    {"message", error}});
}

// A message is through: if its key was held for it, what was passed over is read now.
void RelaySender::Released(const Row& row) {
  const auto held = held_.find(row.key);
  if (held == held_.end() || held->second.sequence != row.sequence) return;
  const bool skipped = held->second.skipped;
  held_.erase(held);
  if (skipped) GoBackTo(row.sequence);
}

void RelaySender::Write(Marks marks) {
  ++writes_;
  const auto kept = std::make_shared<const Marks>(std::move(marks));
  context_.file.writer().Submit(
      [this, kept](store::Database& database) {
        return WriteMarks(database, destination_, *kept, WallNow());
      },
      Deadline::Never(),
      [this, kept](const store::CommitResult& result) {
        if (result.status.ok() && !kept->sent.empty()) PassKillPoint(KillPoint::kRelayMarked);
        context_.post([this, kept, status = result.status] {
          now_ = Now();
          --writes_;
          const auto settle = [this, &status](std::int64_t sequence) {
            busy_.erase(sequence);
            // As if it had not been said: it is said again, and has no second effect.
            if (!status.ok()) GoBackTo(sequence);
          };
          for (const std::int64_t sequence : kept->sent) settle(sequence);
          for (const Marks::Tried& tried : kept->tried) settle(tried.sequence);
          if (!kept->tried.empty()) due_first_ = now_;  // some may be due by now
          for (const Marks::Tried& dead : kept->dead) settle(dead.sequence);
          if (!status.ok()) BackOff(status);
        });
      });
}

// Reads from there again, what is in the buffer included.
void RelaySender::GoBackTo(std::int64_t sequence) {
  for (const Row& row : buffer_) sequence = std::min(sequence, row.sequence);
  buffer_.clear();
  cursor_ = std::min(cursor_, sequence - 1);
  more_ = true;
}

// Nothing is delivered for a while.
void RelaySender::BackOff(const Status& status) {
  ++failures_;
  Duration wait = BackoffAfter(failures_, context_.options);
  if (const auto asked = DetailOf(status).retry_after) wait = std::max<Duration>(wait, *asked);
  not_before_ = std::max(not_before_, now_ + wait);
  WantAt(not_before_);
  context_.report(destination_, {.error = ErrorText(status)});
}

}  // namespace lockstep::message
