#include "order/checks/common_data.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <vector>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/message/common_data.h"
#include "common/store/transaction.h"

namespace lockstep::order {
namespace {

// Which file the path names now; nothing: none.
std::optional<std::pair<dev_t, ino_t>> IdentityOf(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return std::nullopt;
  return std::pair(found.st_dev, found.st_ino);
}

// What an owner says of its records.
struct Published {
  std::string feed_id;  // empty: nothing is published yet
  std::int64_t number = 0;
  WallTime as_of;
};

StatusOr<Published> ReadPublished(store::Database& database, std::string_view owner) {
  store::Statement row =
      database.Query("SELECT feed_id, number, as_of_time FROM published WHERE owner = ?1", owner);
  Published published;
  if (row.Step()) {
    published.feed_id = row.Text(0);
    published.number = row.Int64(1);
    published.as_of = WallTime(Duration(row.Int64(2)));
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return published;
}

StatusOr<std::vector<IncomingRecord>> ReadRecords(store::Database& database, std::string_view owner,
                                                  std::int64_t after) {
  store::Statement row = database.Query(
      "SELECT type, key, payload FROM records WHERE owner = ?1 AND number > ?2 ORDER BY number",
      owner, after);
  std::vector<IncomingRecord> records;
  while (row.Step()) {
    records.push_back(
        {std::string(row.Text(0)), std::string(row.Text(1)), std::string(row.Bytes(2))});
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return records;
}

StatusOr<bool> Always(store::Database& /*database*/) { return true; }

}  // namespace

CommonDataReader::CommonDataReader(std::string path, store::StoreFile& own, CopyBooks& books,
                                   CopyCounts& counts)
    : path_(std::move(path)),
      consumers_(own, books.consumers, counts),
      restaurants_(own, books.restaurants, counts),
      thread_([this] { Loop(); }) {}

CommonDataReader::~CommonDataReader() { Stop(); }

void CommonDataReader::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  const std::lock_guard stop_lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

void CommonDataReader::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (Status polled = Poll(); !polled.ok()) {
      log::Warning("common_data_unreadable", {{"file", path_}, {"message", MessageOf(polled)}});
      database_ = nullptr;
    }
    lock.lock();
    wake_.wait_for(lock, limits::kCommonDataPoll, [this] { return stopping_; });
  }
}

Status CommonDataReader::Poll() {
  if (database_ == nullptr || IdentityOf(path_) != identity_) {
    if (Status opened = OpenAnew(); !opened.ok()) return opened;
  }
  if (database_ == nullptr) return OkStatus();
  if (Status consumers = Follow(consumers_); !consumers.ok()) return consumers;
  return Follow(restaurants_);
}

// Leaves it closed, without an error, where there is no file: its owners may not have begun.
Status CommonDataReader::OpenAnew() {
  database_ = nullptr;
  identity_ = IdentityOf(path_);
  if (!identity_) return OkStatus();
  store::DatabaseOptions options;
  options.application_id = message::kCommonDataSchema.application_id;
  options.newest_version = static_cast<int>(message::kCommonDataSchema.scripts.size());
  StatusOr<std::unique_ptr<store::Database>> opened =
      store::Database::Open(path_, store::Mode::kReadOnly, options);
  if (!opened.ok()) return opened.status();
  store::Statement row = (*opened)->Query("PRAGMA user_version");
  const bool begun = row.Step() && row.Int64(0) > 0;  // else its owners are about to make it
  if (Status status = row.Finish(); !status.ok()) return status;
  if (begun) database_ = *std::move(opened);
  return OkStatus();
}

template <typename Records>
Status CommonDataReader::Follow(Reading<Records>& reading) {
  const char* owner = NameOf(Records::kOwner);
  std::vector<IncomingRecord> records;
  Published published;
  bool whole = false;
  {
    StatusOr<store::Transaction> moment = store::Transaction::BeginRead(*database_);
    if (!moment.ok()) return moment.status();
    StatusOr<Published> said = ReadPublished(*database_, owner);
    if (!said.ok()) return said.status();
    published = *std::move(said);
    if (published.feed_id.empty()) return OkStatus();
    whole = published.feed_id != reading.feed_id || published.number < reading.number;
    if (whole || published.number > reading.number) {
      StatusOr<std::vector<IncomingRecord>> read =
          ReadRecords(*database_, owner, whole ? -1 : reading.number);
      if (!read.ok()) return read.status();
      records = *std::move(read);
    }
  }
  Status kept = OkStatus();
  if (whole) {
    kept = reading.keeper.Replace(std::move(records), Always);
  } else if (!records.empty()) {
    kept = reading.keeper.Apply(records, Always);
  }
  if (!kept.ok()) return kept;
  reading.feed_id = published.feed_id;
  reading.number = published.number;
  reading.book.SetAsOf(published.as_of);
  return OkStatus();
}

}  // namespace lockstep::order
