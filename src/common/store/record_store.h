// Records of one kind, each known by its id: all of them in memory, where completion loops read
// them, and in a SQLite file, where they are changed. A change is decided on the store thread, on
// the record as it is there, so that no two changes decide on the same state; memory follows once
// the commit has returned.
//
// Threads: Find from any, at once. Change and List from any; their done runs on the store thread or
// a reader thread and must be quick. Invariant: nobody sees a record that is not durable.
//
// Table says how a kind is stored, by static members:
//   Record               with version, which counts its changes from 1
//   kSchema              and the statements on its main table:
//   kSelectVersion       the version of the record with the id ?1
//   kSelectOne           the row of the record with the id ?1
//   kSelectPage          the rows after the id ?1, at most ?2 (-1: all), ordered by id
//   const std::string& IdOf(const Record&)
//   Record RecordOf(const Statement& row)            of kSelectOne and kSelectPage
//   Status ReadParts(Database&, Parts, Record&)      adds what lies in other tables
//   Status Write(Database&, const Record* before, const Record& after)    before null: it is new
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/deadline.h"
#include "common/base/kill_point.h"
#include "common/base/status.h"
#include "common/store/catalog.h"
#include "common/store/decided.h"
#include "common/store/store_file.h"

namespace lockstep::store {

// How much of a record is read: all of it, or what a list shows.
enum class Parts { kAll, kListed };

template <typename Table>
class RecordStore {
 public:
  using Record = typename Table::Record;
  using Entry = std::shared_ptr<const Record>;

  // Within the transaction of each change, after its rows: what else is to be durable exactly if
  // the change is. On the store thread.
  using Written = std::function<Status(Database&, const Record& after)>;

  // written: may be null.
  static StatusOr<std::unique_ptr<RecordStore>> Open(const StoreFileOptions& options,
                                                     Written written = nullptr) {
    std::unique_ptr<RecordStore> self(new RecordStore(std::move(written)));
    auto file = StoreFile::Open(options, Table::kSchema, [&self](Database& database) {
      return ForEach(database, "", Parts::kAll, [&self](Record record) {
        self->Keep(std::move(record));
        return true;
      });
    });
    if (!file.ok()) return file.status();
    self->file_ = *std::move(file);
    return self;
  }

  // Reads the records after that id, ordered by id, as this transaction of the database sees them,
  // until each says false.
  template <typename Each>
  static Status ForEach(Database& database, std::string_view after, Parts parts, Each each) {
    constexpr int kAllRows = -1;
    return Read(database, database.Query(Table::kSelectPage, after, kAllRows), parts, each);
  }

  // As of the last commit; null if there is none.
  Entry Find(std::string_view id) const { return catalog_.Find(id); }
  std::size_t Size() const { return catalog_.Size(); }

  // Says what the record with this id is to be from now on, given the current one (null: there is
  // none). The current one itself, or an error: nothing is changed. May run more than once.
  using Decide = AnyInvocable<StatusOr<Entry>(const Entry& current)>;
  // The same of one that reads or writes other tables, within the transaction of the change: an
  // error rolls it back; a refusal is an outcome, and has written nothing.
  using DecideIn = AnyInvocable<StatusOr<Decided<Entry>>(Database&, const Entry& current)>;
  // The record as it is after the commit; changed: by this call.
  using Done = AnyInvocable<void(StatusOr<Entry> record, bool changed)>;

  void Change(std::string id, Deadline not_after, Decide decide, Done done) {
    ChangeIn(
        std::move(id), not_after,
        [decide = std::move(decide)](Database&,
                                     const Entry& current) mutable -> StatusOr<Decided<Entry>> {
          StatusOr<Entry> outcome = decide(current);
          if (!outcome.ok()) return Decided<Entry>{outcome.status(), nullptr};
          return Decided<Entry>{OkStatus(), *std::move(outcome)};
        },
        std::move(done));
  }

  void ChangeIn(std::string id, Deadline not_after, DecideIn decide, Done done) {
    auto change = std::make_shared<Changing>();
    change->id = std::move(id);
    change->decide = std::move(decide);
    change->done = std::move(done);
    file_->writer().Submit(
        [this, change](Database& database) { return Make(database, *change); }, not_after,
        [this, change](const CommitResult& result) { Settle(*change, result.status); });
  }

  struct Page {
    std::vector<Record> records;
    bool last = true;
  };

  // At most count records, ordered by id, from the first one after the given id on.
  void List(std::string after, int count, Deadline not_after,
            AnyInvocable<void(StatusOr<Page>)> done) {
    auto page = std::make_shared<Page>();
    file_->readers().Read(
        [page, after = std::move(after), count](Database& database) {
          page->records.clear();
          // One more than asked for, to know whether there is one.
          Status status = Read(database, database.Query(Table::kSelectPage, after, count + 1),
                               Parts::kListed, [&page](Record record) {
                                 page->records.push_back(std::move(record));
                                 return true;
                               });
          if (!status.ok()) return status;
          page->last = page->records.size() <= static_cast<std::size_t>(count);
          if (!page->last) page->records.pop_back();
          return OkStatus();
        },
        not_after,
        [page, done = std::move(done)](const Status& status) mutable {
          if (status.ok()) {
            done(std::move(*page));
          } else {
            done(status);
          }
        });
  }

  // Whether the file can be written; to be asked now and then, by one thread.
  bool LookWhetherWritable() { return file_->watch().Look(); }

  void Stop() { file_->Stop(); }
  StoreFile& file() { return *file_; }

 private:
  explicit RecordStore(Written written) : written_(std::move(written)) {}

  struct Changing {
    std::string id;
    DecideIn decide;
    Done done;
    StatusOr<Entry> outcome = Entry();
    bool changed = false;
  };

  template <typename Each>
  static Status Read(Database& database, Statement row, Parts parts, Each each) {
    while (row.Step()) {
      Record record = Table::RecordOf(row);
      if (Status status = Table::ReadParts(database, parts, record); !status.ok()) return status;
      if (!each(std::move(record))) break;
    }
    return row.Finish();
  }

  void Keep(Record record) {
    auto entry = std::make_shared<const Record>(std::move(record));
    catalog_.Put(Table::IdOf(*entry), entry);
  }

  // The record as this transaction sees it: that of the catalog, unless an earlier change of the
  // same transaction, whose commit is still to come, made a newer version.
  StatusOr<Entry> Current(Database& database, const std::string& id) const {
    Statement row = database.Query(Table::kSelectVersion, id);
    const std::int64_t version = row.Step() ? row.Int64(0) : 0;
    if (Status status = row.Finish(); !status.ok()) return status;
    if (version == 0) return Entry();
    Entry known = catalog_.Find(id);
    if (known != nullptr && known->version == version) return known;
    Entry newer;
    Status status =
        Read(database, database.Query(Table::kSelectOne, id), Parts::kAll, [&newer](Record record) {
          newer = std::make_shared<const Record>(std::move(record));
          return true;
        });
    if (!status.ok()) return status;
    return newer;
  }

  // A refusal by decide is an outcome, not an error of the transaction: it would make the others of
  // the batch start again.
  Status Make(Database& database, Changing& change) const {
    StatusOr<Entry> current = Current(database, change.id);
    if (!current.ok()) return current.status();
    StatusOr<Decided<Entry>> decided = change.decide(database, *current);
    if (!decided.ok()) return decided.status();
    if (decided->refusal.ok()) {
      change.outcome = std::move(decided->value);
    } else {
      change.outcome = std::move(decided->refusal);
    }
    change.changed = change.outcome.ok() && *change.outcome != *current;
    if (!change.changed) return OkStatus();
    Status status = Table::Write(database, current->get(), **change.outcome);
    if (status.ok() && written_) status = written_(database, **change.outcome);
    PassKillPoint(KillPoint::kRecordBeforeCommit);
    return status;
  }

  void Settle(Changing& change, const Status& status) {
    if (!status.ok()) {
      change.done(status, false);
      return;
    }
    if (change.changed) {
      PassKillPoint(KillPoint::kRecordCommitted);
      catalog_.Put(change.id, *change.outcome);
      file_->watch().Wrote();
    }
    change.done(std::move(change.outcome), change.changed);
  }

  const Written written_;
  Catalog<Record> catalog_;
  std::unique_ptr<StoreFile> file_;  // last: its threads use the catalog
};

}  // namespace lockstep::store
