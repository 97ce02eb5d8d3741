#include "common/owner/common_data_writer.h"

#include <pthread.h>

#include <utility>

#include "common/base/log.h"
#include "common/message/common_data.h"
#include "common/message/feed_table.h"
#include "common/rpc/proto_values.h"
#include "common/store/transaction.h"

namespace lockstep::owner {
namespace {

using message::FeedPosition;
using message::v1::Change;
using store::Transaction;

constexpr std::string_view kPut =
    "INSERT INTO records (owner, key, number, type, payload) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (owner, key) DO UPDATE SET number = excluded.number, type = excluded.type, "
    "payload = excluded.payload";
constexpr std::string_view kPublish =
    "INSERT INTO published (owner, feed_id, number, as_of_time) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (owner) DO UPDATE SET feed_id = excluded.feed_id, number = excluded.number, "
    "as_of_time = excluded.as_of_time";

}  // namespace

StatusOr<std::unique_ptr<CommonDataWriter>> CommonDataWriter::Start(
    CommonDataOptions options, store::CommitSignal& committed, const message::FeedSource& feed) {
  store::DatabaseOptions reader;
  reader.cache_kibibytes = limits::kReaderCacheKibibytes;
  auto own = store::Database::Open(options.source, store::Mode::kReadOnly, reader);
  if (!own.ok()) return own.status();
  // What the power takes from this file is written again: its position is lost with it.
  store::DatabaseOptions writer;
  writer.durability = store::Durability::kNormal;
  writer.cache_kibibytes = limits::kReaderCacheKibibytes;
  auto shared = store::OpenWithSchema(options.path, message::kCommonDataSchema, writer);
  if (!shared.ok()) return shared.status();
  store::CheckpointerOptions checkpointing;
  checkpointing.durability = writer.durability;
  auto checkpointer = store::Checkpointer::Start(options.path, checkpointing);
  if (!checkpointer.ok()) return checkpointer.status();
  return std::unique_ptr<CommonDataWriter>(
      new CommonDataWriter(std::move(options), *std::move(own), *std::move(shared),
                           *std::move(checkpointer), committed, feed));
}

CommonDataWriter::CommonDataWriter(CommonDataOptions options, std::unique_ptr<store::Database> own,
                                   std::unique_ptr<store::Database> shared,
                                   std::unique_ptr<store::Checkpointer> checkpointer,
                                   store::CommitSignal& committed, const message::FeedSource& feed)
    : options_(std::move(options)),
      feed_(feed),
      own_(std::move(own)),
      shared_(std::move(shared)),
      checkpointer_(std::move(checkpointer)) {
  listening_.emplace(committed, [this] {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "common-data");
}

CommonDataWriter::~CommonDataWriter() { Stop(); }

void CommonDataWriter::Stop() {
  const std::lock_guard stop_lock(stop_mutex_);
  listening_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void CommonDataWriter::Run() {
  for (;;) {
    const StatusOr<bool> more = Pass();
    Note(more.status());
    std::unique_lock lock(mutex_);
    // In trouble, commits are no reason to try sooner.
    if (!more.ok()) woken_ = false;
    if (!more.ok() || !*more) {
      wake_.wait_for(lock, options_.refresh, [&] { return stopping_ || (more.ok() && woken_); });
    }
    if (stopping_) return;
    woken_ = false;
  }
}

StatusOr<bool> CommonDataWriter::Pass() {
  if (!published_) {
    auto published = ReadPublished();
    if (!published.ok()) return published.status();
    published_ = *std::move(published);
  }
  const SteadyTime now = Clock::Real().Now();
  // Before the read: everything up to then is in it.
  FeedPosition to{.feed_id = {}, .number = 0, .as_of = Clock::Real().WallNow()};
  auto moment = Transaction::BeginRead(*own_);
  if (!moment.ok()) return moment.status();
  auto identity = message::ReadFeedIdentity(*own_);
  if (!identity.ok()) return identity.status();
  auto head = feed_.Head(*own_);
  if (!head.ok()) return head.status();
  to.feed_id = identity->feed_id;
  to.number = *head;

  const bool anew = published_->feed_id != to.feed_id || published_->number > *head ||
                    published_->number < identity->trimmed_up_to;
  Changes changes;
  if (!anew && published_->number < *head) {
    Status status = feed_.Read(*own_, published_->number, limits::kFeedPieceChanges,
                               limits::kFeedPieceBytes, changes);
    if (!status.ok()) return status;
  }
  if (!anew && changes.empty() && now - written_ < options_.refresh) return false;
  if (!changes.empty() && changes.back().number() < to.number) {
    to.number = changes.back().number();
    to.as_of = rpc::ToTime(changes.back().time());
  }

  auto transaction = Transaction::Begin(*shared_);
  if (!transaction.ok()) return transaction.status();
  Status status = anew ? WriteAnew(to) : Put(changes);
  if (status.ok()) status = WritePublished(to);
  if (status.ok()) status = transaction->Commit();
  if (!status.ok()) return status;
  published_ = to;
  written_ = now;
  return to.number < *head;
}

StatusOr<FeedPosition> CommonDataWriter::ReadPublished() {
  FeedPosition position;
  store::Statement row = shared_->Query(
      "SELECT feed_id, number, as_of_time FROM published WHERE owner = ?1", options_.owner);
  if (row.Step()) {
    position = {std::string(row.Text(0)), row.Int64(1), WallTime(Duration(row.Int64(2)))};
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return position;
}

Status CommonDataWriter::WritePublished(const FeedPosition& position) {
  return shared_->Run(kPublish, options_.owner, position.feed_id, position.number,
                      position.as_of.time_since_epoch().count());
}

Status CommonDataWriter::Put(const Changes& changes) {
  for (const Change& change : changes) {
    Status status = shared_->Run(kPut, options_.owner, change.key(), change.number(), change.type(),
                                 store::Blob{change.payload()});
    if (!status.ok()) return status;
  }
  return OkStatus();
}

// Within the read transaction of the owner's file: one moment of it.
Status CommonDataWriter::WriteAnew(const FeedPosition& position) {
  Status status = shared_->Run("DELETE FROM records WHERE owner = ?1", options_.owner);
  Changes entries;
  std::string after;
  while (status.ok()) {
    entries.clear();
    status = feed_.ReadSnapshot(*own_, after, limits::kFeedPieceChanges, limits::kFeedPieceBytes,
                                entries);
    if (!status.ok() || entries.empty()) break;
    after = entries.back().key();
    for (Change& entry : entries) entry.set_number(position.number);
    status = Put(entries);
  }
  return status;
}

void CommonDataWriter::Note(const Status& status) {
  if (!status.ok()) {
    log::Warning("common_data_not_written", {{"message", MessageOf(status)}});
    published_.reset();
  } else if (in_trouble_) {
    log::Info("common_data_written_again");
  }
  in_trouble_ = !status.ok();
}

}  // namespace lockstep::owner
