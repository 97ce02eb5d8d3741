// A service that has boxes, in this process: a file with outbox, inbox and a table of effects, a
// mailbox on a free port, and a relay. Its one type of message, "note", has the effect of a row;
// what a test wants refused is said by Refuse.
#pragma once

#include <fmt/format.h>

#include <array>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/message/envelope.h"
#include "common/message/mailbox.h"
#include "common/message/outbox.h"
#include "common/message/relay.h"
#include "common/message/tables.h"
#include "common/rpc/server.h"
#include "common/store/store_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace lockstep::message::test_boxes {

using namespace std::chrono_literals;
using test::Eventually;

inline constexpr std::array<std::string_view, 2> kScripts = {
    kMessageTables,
    "CREATE TABLE effects (nth INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, "
    "key TEXT NOT NULL, text TEXT NOT NULL)"};
inline constexpr store::Schema kSchema{0x4C4B5403, kScripts};

inline std::unique_ptr<store::StoreFile> OpenFile(const std::string& path,
                                                  Duration other_process_poll = {}) {
  store::StoreFileOptions options;
  options.path = path;
  options.other_process_poll = other_process_poll;
  auto file = store::StoreFile::Open(options, kSchema, [](store::Database&) { return OkStatus(); });
  INFO(MessageOf(file.status()));
  REQUIRE(file.ok());
  return *std::move(file);
}

// Runs work in a transaction of the file's writer, and waits for the commit.
inline Status Commit(store::StoreFile& file, store::StoreThread::Work work) {
  std::promise<Status> committed;
  file.writer().Submit(
      std::move(work), Deadline::Never(),
      [&committed](const store::CommitResult& result) { committed.set_value(result.status); });
  return committed.get_future().get();
}

inline v1::Envelope Note(const std::string& key, const std::string& text) {
  return MakeEnvelope("note", text, key, "", Clock::Real().WallNow());
}

inline void Put(store::StoreFile& file, const std::string& destination,
                const std::vector<v1::Envelope>& envelopes) {
  const Status status = Commit(file, [&](store::Database& database) {
    for (const v1::Envelope& envelope : envelopes) {
      if (Status put = PutIntoOutbox(database, destination, envelope); !put.ok()) return put;
    }
    return OkStatus();
  });
  INFO(MessageOf(status));
  REQUIRE(status.ok());
}

// The first column of each row, as text.
inline std::vector<std::string> Column(const std::string& path, const std::string& sql) {
  auto database = *store::Database::Open(path, store::Mode::kReadOnly);
  std::vector<std::string> rows;
  store::Statement row = database->Prepare(sql);
  while (row.Step()) rows.emplace_back(row.Text(0));
  const Status status = row.Finish();
  INFO(MessageOf(status));
  REQUIRE(status.ok());
  return rows;
}
inline int Count(const std::string& path, const std::string& from) {
  return std::stoi(Column(path, "SELECT count(*) FROM " + from).front());
}
// "key=text" of each effect, in the order in which they came about.
inline std::vector<std::string> Effects(const std::string& path) {
  return Column(path, "SELECT key || '=' || text FROM effects ORDER BY nth");
}

// The texts of the effects of one key, in the order in which they came about.
inline std::vector<std::string> EffectsOf(const std::string& path, const std::string& key) {
  return Column(path, fmt::format("SELECT text FROM effects WHERE key = '{}' ORDER BY nth", key));
}

// The receiving side: a file and a mailbox.
class Receiver {
 public:
  explicit Receiver(std::string path) : path_(std::move(path)), file_(OpenFile(path_)) {}

  Mailbox& mailbox() { return mailbox_; }
  store::StoreFile& file() { return *file_; }
  const std::string& path() const { return path_; }

  // Notes with that text are refused from now on, until the status is OK.
  void Refuse(const std::string& text, Status status) {
    const std::lock_guard lock(mutex_);
    refused_[text] = std::move(status);
  }
  int tries(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return tries_[text];
  }
  int after_commits() const { return after_commits_; }

  // Delivered in this process; what became of each.
  std::vector<Taken> Take(std::vector<v1::Envelope> envelopes,
                          Deadline not_after = Deadline::Never()) {
    std::promise<std::vector<Taken>> taken;
    mailbox_.Take(std::move(envelopes), not_after,
                  [&taken](std::vector<Taken> all) { taken.set_value(std::move(all)); });
    return taken.get_future().get();
  }

 private:
  Handled Handle(store::Database& database, const v1::Envelope& envelope) {
    {
      const std::lock_guard lock(mutex_);
      ++tries_[envelope.payload()];
    }
    Status status = database.Run("INSERT INTO effects (message_id, key, text) VALUES (?1, ?2, ?3)",
                                 envelope.message_id(), envelope.key(), envelope.payload());
    if (!status.ok()) return {status, nullptr};
    const std::lock_guard lock(mutex_);
    const auto refused = refused_.find(envelope.payload());
    if (refused != refused_.end() && !refused->second.ok()) return {refused->second, nullptr};
    return {OkStatus(), [this] { ++after_commits_; }};
  }

  const std::string path_;
  std::mutex mutex_;
  std::map<std::string, Status> refused_;
  std::map<std::string, int> tries_;
  std::atomic<int> after_commits_ = 0;
  const std::unique_ptr<store::StoreFile> file_;
  fault::Injector faults_;
  Mailbox mailbox_{*file_,
                   faults_,
                   {{"note", [this](store::Database& database, const v1::Envelope& envelope,
                                    WallTime) { return Handle(database, envelope); }}}};
};

// Its server. Goes before the receiver.
class Listening {
 public:
  explicit Listening(Receiver& receiver, std::string address = "127.0.0.1:0") {
    rules_.node = "receiver";
    auto server =
        rpc::QueueServer::Start({.address = std::move(address)}, {receiver.mailbox().service()},
                                receiver.mailbox().methods(), rules_);
    INFO(MessageOf(server.status()));
    REQUIRE(server.ok());
    server_ = *std::move(server);
  }
  ~Listening() { server_->Shutdown(Duration::zero()); }
  const std::string& address() const { return server_->address(); }
  rpc::CallRules& rules() { return rules_; }

 private:
  rpc::CallRules rules_;
  std::unique_ptr<rpc::QueueServer> server_;
};

inline Status Refusal(const std::string& reason) {
  return MakeError(StatusCode::kFailedPrecondition, reason, "the test wants it so");
}
inline std::string ReasonOf(const Taken& taken) {
  return taken.status.ok() ? (taken.duplicate ? "duplicate" : "OK") : DetailOf(taken.status).reason;
}
inline std::vector<std::string> ReasonsOf(const std::vector<Taken>& taken) {
  std::vector<std::string> reasons;
  for (const Taken& one : taken) reasons.push_back(ReasonOf(one));
  return reasons;
}

// Options that let a test be quick.
inline RelayOptions Quick() {
  RelayOptions options;
  options.backoff_min = 2ms;
  options.backoff_max = 20ms;
  return options;
}

}  // namespace lockstep::message::test_boxes
