#include "order/checks/copy_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <unordered_map>
#include <utility>

#include "common/base/kill_point.h"
#include "common/base/log.h"
#include "common/base/validate.h"

namespace lockstep::order {
namespace {

// The shared file has the payloads itself.
bool KeepsPayloads(CopyPlace place) { return place.source == CopySource::kFeeds; }

template <typename Copy>
std::shared_ptr<const CopyEntry<Copy>> Believed(Copy copy) {
  return std::make_shared<const CopyEntry<Copy>>(CopyEntry<Copy>{std::move(copy), {}});
}

// What there was before, if anything, with a mark on it.
template <typename Copy>
std::shared_ptr<const CopyEntry<Copy>> Doubted(const std::shared_ptr<const CopyEntry<Copy>>& before,
                                               std::string problem) {
  return std::make_shared<const CopyEntry<Copy>>(
      CopyEntry<Copy>{before == nullptr ? Copy() : before->copy, std::move(problem)});
}

}  // namespace

template <typename Records>
Status CopyKeeper<Records>::Load(store::Database& database) {
  return ReadCopies(database, place_, [this](CopyRow row) {
    if (!row.problem.empty()) {
      StatusOr<Copy> copy = Records::Read(row.key, row.payload);
      const Entry before = copy.ok() ? Believed(*std::move(copy)) : nullptr;
      book_.Put(row.key, Doubted(before, std::move(row.problem)));
      return;
    }
    // What the file has was judged before it was written; if it no longer reads, the file is
    // damaged, or this program reads more strictly than the one before it.
    book_.Put(row.key,
              Judge({std::string(Records::kType), row.key, std::move(row.payload)}, nullptr));
  });
}

// What is to be kept of a record: itself, or what there was before with a mark on it. before
// itself: nothing has changed.
template <typename Records>
typename CopyKeeper<Records>::Entry CopyKeeper<Records>::Judge(const IncomingRecord& record,
                                                               const Entry& before) const {
  std::string problem;
  if (record.type != Records::kType) {
    problem = fmt::format("it is of type {}, not {}", Quoted(record.type), Records::kType);
  } else if (StatusOr<Copy> copy = Records::Read(record.key, record.payload); !copy.ok()) {
    problem = MessageOf(copy.status());
  } else if (before != nullptr && copy->version == before->copy.version && *copy == before->copy &&
             before->problem.empty()) {
    return before;
  } else if (before != nullptr && copy->version <= before->copy.version) {
    problem =
        fmt::format("it has version {}, after version {}", copy->version, before->copy.version);
  } else {
    return Believed(*std::move(copy));
  }
  log::Warning("copy_contradictory",
               {{"owner", NameOf(place_.owner)}, {"id", Quoted(record.key)}, {"problem", problem}});
  return Doubted(before, std::move(problem));
}

template <typename Records>
Status CopyKeeper<Records>::WriteOne(store::Database& database, const Kept& kept,
                                     std::int64_t& stale) const {
  const CopyEntry<Copy>& entry = *kept.entry;
  if (!entry.problem.empty()) return MarkCopyCorrupt(database, place_, kept.key, entry.problem);
  Status put = PutCopy(
      database, place_,
      {kept.key, entry.copy.version, {}, KeepsPayloads(place_) ? kept.payload : std::string()},
      entry.copy.update_time);
  if (!put.ok() || entry.copy.version == 1) return put;  // of the first nobody had an older one
  const StatusOr<std::int64_t> marked =
      MarkStale(database, place_, kept.key, entry.copy.version, entry.copy.update_time);
  if (marked.ok()) stale += *marked;
  return marked.status();
}

// Walks the rows and the new set, both ordered by key, side by side; then writes what differs.
template <typename Records>
Status CopyKeeper<Records>::WriteAll(store::Database& database, const std::vector<Kept>& all,
                                     std::int64_t& stale) const {
  std::vector<std::string> gone;
  std::vector<const Kept*> differ;
  auto next = all.begin();
  Status read = ReadCopies(database, place_, [&](const CopyRow& row) {
    for (; next != all.end() && next->key < row.key; ++next) differ.push_back(&*next);
    if (next == all.end() || next->key != row.key) {
      gone.push_back(row.key);
      return;
    }
    const CopyEntry<Copy>& entry = *next->entry;
    const bool same = entry.copy.version == row.version && entry.problem == row.problem &&
                      (!KeepsPayloads(place_) || next->payload == row.payload);
    if (!same) differ.push_back(&*next);
    ++next;
  });
  if (!read.ok()) return read;
  for (; next != all.end(); ++next) differ.push_back(&*next);
  for (const std::string& key : gone) {
    if (Status removed = RemoveCopy(database, place_, key); !removed.ok()) return removed;
  }
  for (const Kept* kept : differ) {
    // A mark keeps what there was before it, and of a whole set nothing was.
    if (!kept->entry->problem.empty()) {
      if (Status removed = RemoveCopy(database, place_, kept->key); !removed.ok()) return removed;
    }
    if (Status written = WriteOne(database, *kept, stale); !written.ok()) return written;
  }
  return OkStatus();
}

template <typename Records>
Status CopyKeeper<Records>::Commit(
    const Beside& beside,
    const std::function<Status(store::Database&, bool write, std::int64_t&)>& work) {
  struct Committing {
    std::promise<Status> answer;
    std::int64_t stale = 0;
  };
  const auto committing = std::make_shared<Committing>();
  std::future<Status> answer = committing->answer.get_future();
  // References to the caller's: it waits here until the work has ended.
  file_.writer().Submit(
      [&beside, &work, committing](store::Database& database) -> Status {
        committing->stale = 0;
        const StatusOr<bool> write = beside(database);
        if (!write.ok()) return write.status();
        Status status = work(database, *write, committing->stale);
        PassKillPoint(KillPoint::kCopyBeforeCommit);
        return status;
      },
      Deadline::Never(),
      [committing](const store::CommitResult& result) {
        committing->answer.set_value(result.status);
      });
  const Status status = answer.get();
  if (!status.ok()) return status;
  file_.watch().Wrote();
  counts_.orders_stale.fetch_add(committing->stale, std::memory_order_relaxed);
  return status;
}

template <typename Records>
Status CopyKeeper<Records>::Apply(const std::vector<IncomingRecord>& changes,
                                  const Beside& beside) {
  std::vector<Kept> all;
  std::unordered_map<std::string_view, Entry> latest;  // of this batch
  std::int64_t contradictory = 0;
  for (const IncomingRecord& change : changes) {
    const auto earlier = latest.find(change.key);
    const Entry before = earlier == latest.end() ? book_.Find(change.key) : earlier->second;
    Entry entry = Judge(change, before);
    if (entry == before) continue;
    if (!entry->problem.empty()) ++contradictory;
    latest[change.key] = entry;
    all.push_back({change.key, std::move(entry), change.payload});
  }
  Status status = Commit(beside, [&](store::Database& database, bool write, std::int64_t& stale) {
    for (const Kept& kept : all) {
      Status written = OkStatus();
      if (write) {
        written = WriteOne(database, kept, stale);
      } else if (kept.entry->problem.empty()) {
        const StatusOr<std::int64_t> marked = MarkStale(
            database, place_, kept.key, kept.entry->copy.version, kept.entry->copy.update_time);
        if (marked.ok()) stale += *marked;
        written = marked.status();
      }
      if (!written.ok()) return written;
    }
    return OkStatus();
  });
  if (!status.ok()) return status;
  counts_.contradictory.fetch_add(contradictory, std::memory_order_relaxed);
  counts_.changes.fetch_add(static_cast<std::int64_t>(all.size()) - contradictory,
                            std::memory_order_relaxed);
  for (Kept& kept : all) book_.Put(kept.key, std::move(kept.entry));
  return OkStatus();
}

template <typename Records>
Status CopyKeeper<Records>::Replace(std::vector<IncomingRecord> records, const Beside& beside) {
  std::sort(records.begin(), records.end(),
            [](const IncomingRecord& a, const IncomingRecord& b) { return a.key < b.key; });
  std::vector<Kept> all;
  all.reserve(records.size());
  std::int64_t contradictory = 0;
  for (IncomingRecord& record : records) {
    Entry entry = Judge(record, nullptr);
    if (!entry->problem.empty()) ++contradictory;
    all.push_back({std::move(record.key), std::move(entry), std::move(record.payload)});
  }
  Status status = Commit(beside, [&](store::Database& database, bool write, std::int64_t& stale) {
    return write ? WriteAll(database, all, stale) : OkStatus();
  });
  if (!status.ok()) return status;
  counts_.contradictory.fetch_add(contradictory, std::memory_order_relaxed);
  typename Book::Entries entries;
  for (Kept& kept : all) entries.Put(kept.key, std::move(kept.entry));
  book_.Replace(entries);
  return OkStatus();
}

template class CopyKeeper<ConsumerRecords>;
template class CopyKeeper<RestaurantRecords>;

}  // namespace lockstep::order
