#include "common/store/store_file.h"

#include <utility>

#include "common/base/log.h"

namespace lockstep::store {

bool WriteWatch::Look() {
  const bool writable = writer_.writable();
  const bool due =
      !writable || Now() - last_write_.load(std::memory_order_relaxed) >= interval_.count();
  if (!due || probing_.exchange(true)) return writable;
  writer_.Probe(Deadline::Never(), [this](const CommitResult& result) {
    if (result.status.ok()) {
      Wrote();
    } else {
      log::Warning("store_probe_failed", {{"message", MessageOf(result.status)}});
    }
    probing_ = false;
  });
  return writable;
}

StatusOr<std::unique_ptr<StoreFile>> StoreFile::Open(const StoreFileOptions& options,
                                                     const Schema& schema, Load load) {
  StatusOr<std::unique_ptr<Database>> database =
      OpenWithSchema(options.path, schema, options.database);
  if (!database.ok()) return database.status();
  if (Status status = load(**database); !status.ok()) return status;
  std::unique_ptr<StoreFile> self(new StoreFile(options.path));
  CheckpointerOptions checkpointer_options = options.checkpointer;
  checkpointer_options.durability = options.database.durability;
  auto checkpointer = Checkpointer::Start(options.path, checkpointer_options);
  if (!checkpointer.ok()) return checkpointer.status();
  self->checkpointer_ = *std::move(checkpointer);
  auto readers = ReaderPool::Start(options.path, options.readers);
  if (!readers.ok()) return readers.status();
  self->readers_ = *std::move(readers);
  StoreThreadOptions writer_options = options.writer;
  writer_options.committed = [signal = &self->committed_] { signal->Notify(); };
  self->writer_ = std::make_unique<StoreThread>(*std::move(database), writer_options);
  if (options.other_process_poll > Duration::zero()) {
    auto watcher = CommitWatcher::Start(options.path, options.other_process_poll, self->committed_);
    if (!watcher.ok()) return watcher.status();
    self->watcher_ = *std::move(watcher);
  }
  self->watch_ =
      std::make_unique<WriteWatch>(*self->writer_, options.probe_interval, *options.writer.clock);
  return self;
}

StoreFile::~StoreFile() { Stop(); }

void StoreFile::Stop() {
  if (watcher_) watcher_->Stop();
  if (writer_) writer_->Stop();
  if (readers_) readers_->Stop();
  if (checkpointer_) checkpointer_->Stop();
}

}  // namespace lockstep::store
