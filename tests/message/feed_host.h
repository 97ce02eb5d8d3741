// An owner of records, with a file, a feed and a server, on a free port; stopped and started again
// at will. A record is a key and a version; its payload is "VERSION:" and as much as a test wants.
#pragma once

#include <array>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/message/feed_service.h"
#include "common/message/feed_table.h"
#include "common/message/tables.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "common/store/store_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace lockstep::message {

inline constexpr char kThing[] = "test.Thing";

inline constexpr std::array<std::string_view, 3> kThingScripts = {
    kFeedTables, kFeedTable,
    "CREATE TABLE things (key TEXT NOT NULL PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID"};

class ThingFeed final : public FeedTable {
 public:
  Status ReadSnapshot(store::Database& database, std::string_view after_key, int count_max,
                      std::size_t bytes_max, std::vector<v1::Change>& entries) const override {
    store::Statement row =
        database.Query("SELECT key, payload FROM things WHERE key > ?1 ORDER BY key LIMIT ?2",
                       after_key, count_max);
    std::size_t bytes = 0;
    while (bytes < bytes_max && row.Step()) {
      v1::Change& entry = entries.emplace_back();
      entry.set_type(kThing);
      entry.set_key(std::string(row.Text(0)));
      entry.set_payload(std::string(row.Bytes(1)));
      bytes += entry.payload().size();
    }
    return row.Finish();
  }
};

class FeedHost {
 public:
  explicit FeedHost(std::string path, std::string address = "127.0.0.1:0") {
    store::StoreFileOptions options;
    options.path = std::move(path);
    auto file = store::StoreFile::Open(options, store::Schema{0x54455354, kThingScripts},
                                       [](store::Database&) { return OkStatus(); });
    if (!file.ok()) FAIL(MessageOf(file.status()));
    file_ = *std::move(file);
    feed_.emplace(*file_, source_, faults_);
    rules_.node = "owner";
    auto server = rpc::QueueServer::Start({.address = std::move(address)}, {feed_->service()},
                                          feed_->methods(), rules_);
    if (!server.ok()) FAIL(MessageOf(server.status()));
    server_ = *std::move(server);
  }
  ~FeedHost() { Stop(); }

  void Stop() {
    if (stopped_) return;
    stopped_ = true;
    feed_->EndStreams();
    server_->Shutdown(std::chrono::seconds(5));
    file_->Stop();
  }

  const std::string& address() const { return server_->address(); }
  store::StoreFile& file() { return *file_; }
  FeedService& feed() { return *feed_; }
  rpc::QueueServer& server() { return *server_; }
  std::unique_ptr<v1::FeedService::Stub> Stub() const {
    return v1::FeedService::NewStub(rpc::MakeChannel(address(), {.own_connection = true}));
  }

  // Runs work in a transaction, and waits for the commit.
  void Write(std::function<Status(store::Database&)> work) {
    std::promise<Status> done;
    file_->writer().Submit(
        std::move(work), Deadline::Never(),
        [&](const store::CommitResult& result) { done.set_value(result.status); });
    const Status status = done.get_future().get();
    if (!status.ok()) FAIL(MessageOf(status));
  }

  // The record's next version, with the change.
  void Put(const std::string& key, int version, std::size_t bytes = 0,
           WallTime now = Clock::Real().WallNow()) {
    const std::string payload = std::to_string(version) + ":" + std::string(bytes, 'x');
    Write([&](store::Database& database) {
      if (Status status = database.Run("INSERT INTO things VALUES (?1, ?2) ON CONFLICT (key) DO "
                                       "UPDATE SET payload = excluded.payload",
                                       key, store::Blob{payload});
          !status.ok()) {
        return status;
      }
      return AppendToFeed(database, kThing, key, payload, now);
    });
  }

  void Run(const std::string& sql) {
    Write([&](store::Database& database) { return database.Run(sql); });
  }

 private:
  std::unique_ptr<store::StoreFile> file_;
  ThingFeed source_;
  fault::Injector faults_;
  rpc::CallRules rules_;
  std::optional<FeedService> feed_;
  std::unique_ptr<rpc::QueueServer> server_;
  bool stopped_ = false;
};

}  // namespace lockstep::message
