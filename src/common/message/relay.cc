#include "common/message/relay.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/message/relay_rows.h"
#include "common/message/relay_sender.h"

namespace lockstep::message {

class Relay::Parts {
 public:
  Parts(store::StoreFile& file, Transport& transport, RelayOptions options)
      : file_(file), transport_(transport), options_(WithHolder(std::move(options))) {}

  void Start();
  void Stop();
  void Wake();
  Counts counts() const {
    const std::lock_guard lock(counts_mutex_);
    return counts_;
  }
  void ResetCounts() {
    const std::lock_guard lock(counts_mutex_);
    counts_ = {};
  }
  std::vector<Sent> sent() const {
    const std::lock_guard lock(counts_mutex_);
    std::vector<Sent> all;
    for (const auto& [destination, sent] : sent_) all.push_back(sent);
    return all;
  }

 private:
  static RelayOptions WithHolder(RelayOptions options) {
    if (options.holder.empty()) options.holder = NewId(Clock::Real().WallNow());
    return options;
  }

  void Post(AnyInvocable<void()> work);
  void Report(const std::string& destination, const RelayContext::Report& report);
  void Run();
  void Serve(RelayContext& context);
  void FindDestinations(RelayContext& context);
  SteadyTime PumpAll();
  bool Quiet() const;
  SteadyTime WaitOrCancel();
  SteadyTime PurgeIfDue(RelayContext& context);
  void GiveLeasesBack();

  store::StoreFile& file_;
  Transport& transport_;
  const RelayOptions options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<AnyInvocable<void()>> events_;  // guarded by mutex_, as the next two
  bool woken_ = true;
  bool stopping_ = false;

  // Of the thread.
  std::map<std::string, std::unique_ptr<RelaySender>> senders_;
  SteadyTime stop_by_{};  // set once it stops
  SteadyTime purge_due_{};
  bool purging_ = false;

  mutable std::mutex counts_mutex_;
  Counts counts_;
  std::map<std::string, Sent> sent_;

  std::unique_ptr<store::CommitSignal::Listening> listening_;
  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;
};

void Relay::Parts::Start() {
  listening_ =
      std::make_unique<store::CommitSignal::Listening>(file_.committed(), [this] { Wake(); });
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "relay");
}

void Relay::Parts::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(stop_mutex_);
  listening_.reset();
  if (thread_.joinable()) thread_.join();
}

void Relay::Parts::Wake() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(woken_, true)) return;
  }
  wake_.notify_one();
}

void Relay::Parts::Post(AnyInvocable<void()> work) {
  // Under the lock: the last one that Stop waits for ends the thread, and this object after it.
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(work));
  wake_.notify_one();
}

void Relay::Parts::Report(const std::string& destination, const RelayContext::Report& report) {
  const std::lock_guard lock(counts_mutex_);
  counts_.sent += report.sent;
  counts_.failed += report.failed;
  counts_.dead += report.dead;
  Sent& sent = sent_[destination];
  sent.destination = destination;
  sent.sent += report.sent;
  sent.error = report.error;
}

void Relay::Parts::Run() {
  store::DatabaseOptions database_options;
  database_options.cache_kibibytes = limits::kReaderCacheKibibytes;
  auto database = store::Database::Open(file_.path(), store::Mode::kReadOnly, database_options);
  while (!database.ok()) {
    log::Error("relay_cannot_read", {{"message", MessageOf(database.status())}});
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, options_.backoff_max, [this] { return stopping_; })) return;
    }
    database = store::Database::Open(file_.path(), store::Mode::kReadOnly, database_options);
  }
  RelayContext context{file_,
                       transport_,
                       options_,
                       **database,
                       [this](AnyInvocable<void()> work) { Post(std::move(work)); },
                       [this](const std::string& destination, const RelayContext::Report& report) {
                         Report(destination, report);
                       }};
  Serve(context);
  senders_.clear();
  GiveLeasesBack();
}

// Until Stop, and then until nothing is under way.
void Relay::Parts::Serve(RelayContext& context) {
  SteadyTime next{};
  std::vector<AnyInvocable<void()>> events;
  for (bool stopping = false; !stopping || !Quiet();) {
    bool woken = false;
    {
      std::unique_lock lock(mutex_);
      const auto something = [&] {
        return !events_.empty() || (!stopping && (woken_ || stopping_));
      };
      if (next == SteadyTime::max()) {
        wake_.wait(lock, something);
      } else {
        wake_.wait_until(lock, next, something);
      }
      events.swap(events_);
      woken = std::exchange(woken_, false);
      stopping = stopping_;
    }
    for (AnyInvocable<void()>& event : events) event();
    events.clear();
    next = SteadyTime::max();
    if (stopping) {
      next = WaitOrCancel();
      continue;
    }
    if (woken) FindDestinations(context);
    next = std::min(PumpAll(), PurgeIfDue(context));
  }
}

// What is under way at the end has a while; then a receiver that does not answer is not waited for.
SteadyTime Relay::Parts::WaitOrCancel() {
  const SteadyTime now = Clock::Real().Now();
  if (stop_by_ == SteadyTime{}) stop_by_ = now + limits::kRelayStopGrace;
  if (now < stop_by_) return stop_by_;
  transport_.CancelAll();
  return SteadyTime::max();
}

// Whoever something waits for has a sender, and knows.
void Relay::Parts::FindDestinations(RelayContext& context) {
  std::string after;
  for (;;) {
    StatusOr<std::string> next = NextDestination(context.database, after);
    if (!next.ok()) {
      log::Warning("relay_cannot_read", {{"message", MessageOf(next.status())}});
      return;
    }
    if (next->empty()) return;
    std::unique_ptr<RelaySender>& sender = senders_[*next];
    if (sender == nullptr) sender = std::make_unique<RelaySender>(context, *next);
    sender->Wake();
    after = *std::move(next);
  }
}

SteadyTime Relay::Parts::PumpAll() {
  SteadyTime next = SteadyTime::max();
  for (const auto& [destination, sender] : senders_) next = std::min(next, sender->Pump());
  // Addresses of callers come and go.
  if (senders_.size() > static_cast<std::size_t>(limits::kCallerMailboxesMax)) {
    const SteadyTime now = Clock::Real().Now();
    const std::lock_guard lock(counts_mutex_);
    std::erase_if(senders_, [&](const auto& entry) {
      return entry.second->idle(now) && sent_.erase(entry.first) <= 1;
    });
  }
  return next;
}

bool Relay::Parts::Quiet() const {
  return !purging_ && std::all_of(senders_.begin(), senders_.end(),
                                  [](const auto& entry) { return entry.second->quiet(); });
}

SteadyTime Relay::Parts::PurgeIfDue(RelayContext& context) {
  const SteadyTime now = Clock::Real().Now();
  if (purging_) return SteadyTime::max();
  if (now < purge_due_) return purge_due_;
  purge_due_ = now + limits::kPurgeInterval;
  const WallTime older_than = Clock::Real().WallNow() - options_.retention;
  const StatusOr<bool> something = SomethingToPurge(context.database, older_than);
  if (!something.ok() || !*something) return purge_due_;
  purging_ = true;
  const auto more = std::make_shared<bool>(false);
  file_.writer().Submit(
      [older_than, more](store::Database& database) {
        const StatusOr<bool> purged = Purge(database, older_than, limits::kPurgeBatchRows);
        *more = purged.ok() && *purged;
        return purged.status();
      },
      Deadline::Never(),
      [this, more](const store::CommitResult& result) {
        Post([this, more, status = result.status] {
          purging_ = false;
          if (!status.ok()) {
            log::Warning("purge_failed", {{"message", MessageOf(status)}});
          } else if (*more) {
            purge_due_ = Clock::Real().Now() + limits::kPurgePause;
          }
        });
      });
  return SteadyTime::max();
}

void Relay::Parts::GiveLeasesBack() {
  std::promise<void> answered;
  file_.writer().Submit(
      [this](store::Database& database) {
        return message::GiveLeasesBack(database, options_.holder);
      },
      Deadline::Never(), [&answered](const store::CommitResult&) { answered.set_value(); });
  answered.get_future().wait();
}

Relay::Relay(store::StoreFile& file, Transport& transport, RelayOptions options)
    : parts_(std::make_unique<Parts>(file, transport, std::move(options))) {}
Relay::~Relay() { Stop(); }

void Relay::Start() { parts_->Start(); }
void Relay::Stop() { parts_->Stop(); }
void Relay::Wake() { parts_->Wake(); }
Relay::Counts Relay::counts() const { return parts_->counts(); }
void Relay::ResetCounts() { parts_->ResetCounts(); }
std::vector<Relay::Sent> Relay::sent() const { return parts_->sent(); }

}  // namespace lockstep::message
