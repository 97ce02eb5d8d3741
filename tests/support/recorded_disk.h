// A disk of which it is known what would be left of it if the power failed at any moment: each
// SQLite connection that is opened while it lives writes through it to the real disk, and from
// Record on every write, truncation and sync of the database and of its log is written down. What
// was not synced may be lost. One at a time, for one database.
//
// It can also fail: FailAt makes the nth call that changes a file return an error.
// Threads: any.
#pragma once

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"

namespace lockstep::test {

class RecordedDisk {
 public:
  enum File { kDatabase, kLog, kFiles };
  enum class Failure { kIoError, kFull, kShortWrite };

  struct Step {
    enum Kind { kWrite, kTruncate, kSync } kind;
    File file;
    std::int64_t offset;  // of a truncation: the new size
    std::string bytes;
  };

  // What is on the disk: the database and its log.
  using Image = std::array<std::string, kFiles>;

  RecordedDisk() {
    LOCKSTEP_CHECK(real_ == nullptr);
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "recorded-disk";
    vfs_.xOpen = Open;
    LOCKSTEP_CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  RecordedDisk(const RecordedDisk&) = delete;
  RecordedDisk& operator=(const RecordedDisk&) = delete;
  ~RecordedDisk() {
    recording_ = false;
    calls_until_failure_ = 0;
    sqlite3_vfs_unregister(&vfs_);
    steps_.clear();
    real_ = nullptr;
  }

  // From here on; what the files hold now is on the disk.
  void Record(const std::string& path) {
    const std::lock_guard lock(mutex_);
    base_ = {Read(path), Read(path + "-wal")};
    steps_.clear();
    recording_ = true;
  }
  // What is written after this is no part of it.
  void StopRecording() { recording_ = false; }
  // How many steps there are now: a moment.
  std::size_t Now() const {
    const std::lock_guard lock(mutex_);
    return steps_.size();
  }

  // Makes the nth call from now on fail; 0: none.
  void FailAt(std::int64_t nth, Failure failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    failed_ = false;
    calls_until_failure_ = nth;
    failure_due_ = nth > 0;
  }
  bool failed() const { return failed_; }

  // Calls use(moment, image) for each of the moments, ascending, with what a power cut just then
  // leaves: all that was synced, and of the rest nothing, or, by the seed, any part.
  template <typename Use>
  void CutAt(const std::vector<std::size_t>& moments, std::uint64_t seed, Use use) const {
    std::mt19937_64 random(seed);
    Image synced = base_;
    std::array<std::vector<const Step*>, kFiles> pending;
    std::size_t at = 0;
    for (const std::size_t moment : moments) {
      for (; at < moment; ++at) {
        const Step& step = steps_[at];
        if (step.kind != Step::kSync) {
          pending[step.file].push_back(&step);
          continue;
        }
        for (const Step* done : pending[step.file]) Apply(*done, done->bytes.size(), synced);
        pending[step.file].clear();
      }
      Image left = synced;
      if (random() % 2 == 0) {
        for (const auto& of_file : pending) {
          for (const Step* lost : of_file) {
            const std::uint64_t chance = random() % 3;
            if (chance == 0) Apply(*lost, lost->bytes.size(), left);
            if (chance == 1 && !lost->bytes.empty())
              Apply(*lost, random() % lost->bytes.size(), left);
          }
        }
      }
      use(moment, left);
    }
  }

  static void Write(const Image& image, const std::string& path) {
    for (const auto& [bytes, name] :
         {std::pair{&image[kDatabase], path}, std::pair{&image[kLog], path + "-wal"}}) {
      std::ofstream(name, std::ios::binary | std::ios::trunc) << *bytes;
    }
  }

 private:
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static void Apply(const Step& step, std::size_t bytes, Image& image) {
    std::string& file = image[step.file];
    const auto offset = static_cast<std::size_t>(step.offset);
    if (step.kind == Step::kTruncate) {
      file.resize(offset);
      return;
    }
    if (file.size() < offset + bytes) file.resize(offset + bytes);
    file.replace(offset, bytes, step.bytes, 0, bytes);
  }

  static int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
                  int* flags_out) {
    const int result = real_->xOpen(real_, name, file, flags, flags_out);
    if (result != SQLITE_OK) return result;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) file->pMethods = Wrapped<kDatabase>(*file);
    if ((flags & SQLITE_OPEN_WAL) != 0) file->pMethods = Wrapped<kLog>(*file);
    return result;
  }

  // The call itself and its note are one, so that the notes are in the order of what happened.
  template <typename Call>
  static int Do(Step::Kind kind, File file, std::int64_t offset, const void* bytes, int size,
                Call call) {
    const std::lock_guard lock(mutex_);
    if (calls_until_failure_ > 0) --calls_until_failure_;
    if (calls_until_failure_ == 0 && std::exchange(failure_due_, false)) {
      failed_ = true;
      if (failure_ == Failure::kFull) return SQLITE_FULL;
      if (failure_ == Failure::kShortWrite && kind == Step::kWrite) (void)call(size / 2);
      return kind == Step::kSync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
    }
    const int result = call(size);
    if (result == SQLITE_OK && recording_) {
      steps_.push_back({kind, file, offset,
                        kind == Step::kWrite ? std::string(static_cast<const char*>(bytes),
                                                           static_cast<std::size_t>(size))
                                             : std::string()});
    }
    return result;
  }

  template <File kFile>
  static const sqlite3_io_methods* Wrapped(const sqlite3_file& file) {
    static const sqlite3_io_methods* const real_methods = file.pMethods;
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods copy = *real_methods;
      copy.xWrite = [](sqlite3_file* self, const void* bytes, int size, sqlite3_int64 offset) {
        return Do(Step::kWrite, kFile, offset, bytes, size,
                  [&](int count) { return real_methods->xWrite(self, bytes, count, offset); });
      };
      copy.xTruncate = [](sqlite3_file* self, sqlite3_int64 size) {
        return Do(Step::kTruncate, kFile, size, nullptr, 0,
                  [&](int) { return real_methods->xTruncate(self, size); });
      };
      copy.xSync = [](sqlite3_file* self, int flags) {
        return Do(Step::kSync, kFile, 0, nullptr, 0,
                  [&](int) { return real_methods->xSync(self, flags); });
      };
      return copy;
    }();
    LOCKSTEP_CHECK(file.pMethods == real_methods);
    return &methods;
  }

  inline static sqlite3_vfs* real_ = nullptr;
  inline static std::mutex mutex_;
  inline static std::vector<Step> steps_;
  inline static std::atomic<bool> recording_ = false;
  inline static std::int64_t calls_until_failure_ = 0;
  inline static bool failure_due_ = false;
  inline static Failure failure_ = Failure::kIoError;
  inline static std::atomic<bool> failed_ = false;
  Image base_;
  sqlite3_vfs vfs_;
};

}  // namespace lockstep::test
