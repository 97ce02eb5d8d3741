// lockstep-bench-relay: messages from an outbox to a mailbox, and what bounds them: the mailbox fed
// from memory, and the transaction of its inbox alone. Sender and receiver are this one process,
// each with a file of its own; between them is gRPC over loopback.
// Threads: those of the parts; main waits.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/message/inbox.h"
#include "common/message/mailbox.h"
#include "common/message/outbox.h"
#include "common/message/relay.h"
#include "common/message/tables.h"
#include "common/rpc/server.h"
#include "common/store/store_file.h"
#include "lab/bench/process.h"

namespace lockstep::lab {
namespace {

using message::v1::Envelope;

struct RelayLoad {
  std::string mode;
  std::string directory;           // where the files are made
  std::int64_t messages = 50'000;  // in the outbox at the beginning
  std::int64_t counted = 0;        // of them, before the rest is left alone; 0: all
  double rate = 5'000;             // lag: messages a second
  double seconds = 2;
};

constexpr std::size_t kPayloadBytes = 250;  // of a command with an order of three lines
constexpr char kType[] = "lockstep.bench.v1.Note";
constexpr char kThere[] = "there";
constexpr int kBatch = limits::kDeliverEnvelopesMax;
constexpr std::array<std::string_view, 2> kScripts = {
    message::kMessageTables,
    "CREATE TABLE effects (nth INTEGER PRIMARY KEY, key TEXT NOT NULL, payload BLOB NOT NULL)"};
constexpr store::Schema kSchema{0x42454e44, kScripts};

[[noreturn]] void End(const Status& status) {
  fmt::print(stderr, "lockstep-bench-relay: {}\n", MessageOf(status));
  std::exit(1);
}
void Must(const Status& status) {
  if (!status.ok()) End(status);
}

std::unique_ptr<store::StoreFile> Open(const std::string& path) {
  store::StoreFileOptions options;
  options.path = path;
  auto file = store::StoreFile::Open(options, kSchema, [](store::Database&) { return OkStatus(); });
  Must(file.status());
  return *std::move(file);
}

Envelope MakeNote() {
  const WallTime now = Clock::Real().WallNow();
  Envelope note = message::MakeEnvelope(kType, std::string(kPayloadBytes, 'p'), "", "", now);
  note.set_key(note.message_id());
  note.set_correlation_id(note.message_id());
  return note;
}

Status Effect(store::Database& database, const Envelope& envelope) {
  return database.Run("INSERT INTO effects (key, payload) VALUES (?1, ?2)", envelope.key(),
                      store::Blob{envelope.payload()});
}

// Counts up to a goal, and notes when the first and the last came.
class Tally {
 public:
  explicit Tally(std::int64_t goal) : goal_(goal) {}
  void Add(std::int64_t count = 1) {
    const std::int64_t now = MonotonicNanos();
    const std::lock_guard lock(mutex_);
    if (count_ == 0) first_ = now;
    count_ += count;
    if (count_ < goal_ || count_ - count >= goal_) return;
    last_ = now;
    cpu_ = CpuSeconds(0);
    reached_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    reached_.wait(lock, [this] { return count_ >= goal_; });
  }
  double seconds_since(std::int64_t begin) const {
    return static_cast<double>(last_ - begin) / 1e9;
  }
  double cpu() const { return cpu_; }

 private:
  const std::int64_t goal_;
  std::mutex mutex_;
  std::condition_variable reached_;
  std::int64_t count_ = 0, first_ = 0, last_ = 0;
  double cpu_ = 0;
};

// A service with a mailbox. taken: on its store thread, after each commit's effect.
class Receiving {
 public:
  Receiving(const std::string& path, std::function<void(const Envelope&)> taken)
      : taken_(std::move(taken)), file_(Open(path)) {
    auto server = rpc::QueueServer::Start({.address = "127.0.0.1:0"}, {mailbox_.service()},
                                          mailbox_.methods(), rules_);
    Must(server.status());
    server_ = *std::move(server);
  }
  ~Receiving() { server_->Shutdown(Duration::zero()); }
  const std::string& address() const { return server_->address(); }

 private:
  message::Handled Handle(store::Database& database, const Envelope& envelope) {
    return {Effect(database, envelope), [this, note = &envelope] { taken_(*note); }};
  }

  const std::function<void(const Envelope&)> taken_;
  fault::Injector faults_;
  rpc::CallRules rules_;
  const std::unique_ptr<store::StoreFile> file_;
  message::Mailbox mailbox_{*file_,
                            faults_,
                            {{kType, [this](store::Database& database, const Envelope& envelope,
                                            WallTime) { return Handle(database, envelope); }}}};
  std::unique_ptr<rpc::QueueServer> server_;
};

class Sending {
 public:
  explicit Sending(const std::string& address)
      : transport_(message::MakeGrpcTransport({{kThere, {address}}}, "bench", loop_)) {}
  ~Sending() { loop_.Stop(); }
  message::Transport& transport() { return *transport_; }

 private:
  rpc::CompletionLoop loop_{std::make_unique<grpc::CompletionQueue>()};
  std::unique_ptr<message::Transport> transport_;
};

// So many messages, in commits of a thousand.
void FillOutbox(store::StoreFile& file, std::int64_t messages) {
  constexpr std::int64_t kCommit = 1000;
  for (std::int64_t done = 0; done < messages; done += kCommit) {
    Tally committed(1);
    const std::int64_t count = std::min(kCommit, messages - done);
    file.writer().Submit(
        [count](store::Database& database) {
          for (std::int64_t i = 0; i < count; ++i) {
            if (Status put = message::PutIntoOutbox(database, kThere, MakeNote()); !put.ok()) {
              return put;
            }
          }
          return OkStatus();
        },
        Deadline::Never(),
        [&committed](const store::CommitResult& result) {
          Must(result.status);
          committed.Add();
        });
    committed.Wait();
  }
}

void Print(std::int64_t count, double seconds, double cpu) {
  JsonObject()
      .Add("messages", count)
      .Add("rate", static_cast<double>(count) / seconds)
      .Add("cpu_us", 1e6 * cpu / static_cast<double>(count))
      .Print();
}

std::string FileIn(const RelayLoad& load, std::string_view name) {
  return fmt::format("{}/{}", load.directory, name);
}

// The transaction of the inbox alone: two commits' worth waits at any moment.
void RunInbox(const RelayLoad& load) {
  const auto file = Open(FileIn(load, "inbox.db"));
  std::vector<Envelope> notes(static_cast<std::size_t>(load.messages));
  for (Envelope& note : notes) note = MakeNote();
  Tally tally(load.messages);
  std::atomic<std::int64_t> next = 0;
  const std::function<void()> one = [&] {
    const std::int64_t at = next++;
    if (at >= load.messages) return;
    file->writer().Submit(
        [&note = notes[static_cast<std::size_t>(at)]](store::Database& database) {
          const WallTime now = Clock::Real().WallNow();
          const auto fresh = message::EnterIntoInbox(database, note.message_id(), now);
          return fresh.ok() ? Effect(database, note) : fresh.status();
        },
        Deadline::Never(),
        [&](const store::CommitResult& result) {
          Must(result.status);
          one();
          tally.Add();
        });
  };
  const std::int64_t begin = MonotonicNanos();
  const double cpu = CpuSeconds(0);
  for (int i = 0; i < 2 * kBatch; ++i) one();
  tally.Wait();
  Print(load.messages, tally.seconds_since(begin), tally.cpu() - cpu);
}

// Whole batches that are in memory already, two under way.
void RunDeliver(const RelayLoad& load) {
  Receiving receiving(FileIn(load, "inbox.db"), [](const Envelope&) {});
  std::vector<std::vector<Envelope>> batches(static_cast<std::size_t>(load.messages / kBatch));
  for (auto& batch : batches) {
    for (int i = 0; i < kBatch; ++i) batch.push_back(MakeNote());
  }
  const std::int64_t count = static_cast<std::int64_t>(batches.size()) * kBatch;
  Tally tally(count);
  std::atomic<std::size_t> next = 0;
  Sending sending(receiving.address());
  const std::function<void()> one = [&] {
    const std::size_t at = next++;
    if (at >= batches.size()) return;
    sending.transport().Deliver(kThere, std::move(batches[at]),
                                Deadline::After(Clock::Real().Now(), limits::kDeliverTimeout),
                                [&](const StatusOr<std::vector<message::Taken>>& taken) {
                                  Must(taken.status());
                                  one();
                                  tally.Add(static_cast<std::int64_t>(taken->size()));
                                });
  };
  const std::int64_t begin = MonotonicNanos();
  const double cpu = CpuSeconds(0);
  one();
  one();
  tally.Wait();
  Print(count, tally.seconds_since(begin), tally.cpu() - cpu);
}

// From an outbox that is full at the beginning.
void RunRelay(const RelayLoad& load) {
  const auto file = Open(FileIn(load, "outbox.db"));
  FillOutbox(*file, load.messages);
  const std::int64_t counted = load.counted > 0 ? load.counted : load.messages;
  Tally tally(counted);
  Receiving receiving(FileIn(load, "inbox.db"), [&tally](const Envelope&) { tally.Add(); });
  Sending sending(receiving.address());
  message::Relay relay(*file, sending.transport());
  const std::int64_t begin = MonotonicNanos();
  const double cpu = CpuSeconds(0);
  relay.Start();
  tally.Wait();
  Print(counted, tally.seconds_since(begin), tally.cpu() - cpu);
  relay.Stop();
}

// From the commit of a message to that of its effect, at a steady rate.
void RunLag(const RelayLoad& load) {
  const auto file = Open(FileIn(load, "outbox.db"));
  const auto count = static_cast<std::int64_t>(load.rate * load.seconds);
  std::vector<std::atomic<std::int64_t>> committed(static_cast<std::size_t>(count));
  std::vector<std::atomic<std::int64_t>> taken(static_cast<std::size_t>(count));
  Tally tally(count);
  Receiving receiving(FileIn(load, "inbox.db"), [&](const Envelope& note) {
    taken[std::stoul(note.correlation_id())] = MonotonicNanos();
    tally.Add();
  });
  Sending sending(receiving.address());
  message::Relay relay(*file, sending.transport());
  relay.Start();
  const SteadyTime begin = Clock::Real().Now();
  const double cpu = CpuSeconds(0);
  for (std::int64_t i = 0; i < count;) {
    std::this_thread::sleep_until(
        begin + Duration(static_cast<std::int64_t>(1e9 * static_cast<double>(i) / load.rate)));
    const auto due = static_cast<std::int64_t>(
        load.rate * std::chrono::duration<double>(Clock::Real().Now() - begin).count());
    for (; i < std::min(due + 1, count); ++i) {
      file->writer().Submit(
          [i](store::Database& database) {
            Envelope note = MakeNote();
            note.set_correlation_id(std::to_string(i));
            return message::PutIntoOutbox(database, kThere, note);
          },
          Deadline::Never(),
          [&committed, i](const store::CommitResult& result) {
            Must(result.status);
            committed[static_cast<std::size_t>(i)] = MonotonicNanos();
          });
    }
  }
  tally.Wait();
  relay.Stop();
  std::vector<double> lags;
  for (std::size_t i = 0; i < committed.size(); ++i) {
    lags.push_back(static_cast<double>(taken[i] - committed[i]) / 1e3);
  }
  std::sort(lags.begin(), lags.end());
  JsonObject()
      .Add("messages", count)
      .Add("rate", static_cast<double>(count) /
                       std::chrono::duration<double>(Clock::Real().Now() - begin).count())
      .Add("cpu_us", 1e6 * (tally.cpu() - cpu) / static_cast<double>(count))
      .Add("p50_us", Percentile(lags, 0.5))
      .Add("p99_us", Percentile(lags, 0.99))
      .Print();
}

void RunFill(const RelayLoad& load) {
  FillOutbox(*Open(FileIn(load, "outbox.db")), load.messages);
  JsonObject().Add("messages", load.messages).Print();
}

// The memory of a process whose receiver is gone, with what the file has for it.
void RunWaiting(const RelayLoad& load) {
  const auto file = Open(FileIn(load, "outbox.db"));
  Sending sending("127.0.0.1:1");  // nobody listens there
  message::Relay relay(*file, sending.transport());
  relay.Start();
  std::this_thread::sleep_for(std::chrono::duration<double>(load.seconds));
  const std::int64_t resident = StateOf(getpid()).resident_bytes;
  relay.Stop();
  JsonObject().Add("resident_bytes", resident).Print();
}

}  // namespace
}  // namespace lockstep::lab

int main(int argc, char** argv) {
  using namespace lockstep::lab;
  RelayLoad load;
  const std::map<std::string, std::function<void(const RelayLoad&)>> modes = {
      {"inbox", RunInbox}, {"deliver", RunDeliver}, {"relay", RunRelay},
      {"lag", RunLag},     {"fill", RunFill},       {"waiting", RunWaiting}};
  CLI::App app("Messages from an outbox to a mailbox, for scripts/bench.", "lockstep-bench-relay");
  app.add_option("--mode", load.mode, "inbox, deliver, relay, lag, fill or waiting")
      ->required()
      ->check(CLI::IsMember({"inbox", "deliver", "relay", "lag", "fill", "waiting"}));
  app.add_option("--dir", load.directory, "where the files are made")->required();
  app.add_option("--messages", load.messages)->capture_default_str();
  app.add_option("--counted", load.counted, "relay: measured until so many are taken");
  app.add_option("--rate", load.rate, "lag: messages a second")->capture_default_str();
  app.add_option("--seconds", load.seconds, "lag, waiting")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  modes.at(load.mode)(load);
  return 0;
}
