// A disk that is full when a test says so: every SQLite connection that is opened while it lives
// writes through it. What is written before or after is on the real disk. One at a time.
#pragma once

#include <sqlite3.h>

#include <atomic>

#include "common/base/check.h"

namespace lockstep::test {

class FullDisk {
 public:
  FullDisk() {
    LOCKSTEP_CHECK(real_ == nullptr);
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "full-disk";
    vfs_.xOpen = Open;
    LOCKSTEP_CHECK(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    full_ = false;
    sqlite3_vfs_unregister(&vfs_);
    real_ = nullptr;
  }

  void Fill() { full_ = true; }
  void MakeRoom() { full_ = false; }

 private:
  // The real file, but for its write. Databases and logs each have methods of their own.
  static int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
                  int* flags_out) {
    const int result = real_->xOpen(real_, name, file, flags, flags_out);
    if (result != SQLITE_OK) return result;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) file->pMethods = Wrapped<SQLITE_OPEN_MAIN_DB>(*file);
    if ((flags & SQLITE_OPEN_WAL) != 0) file->pMethods = Wrapped<SQLITE_OPEN_WAL>(*file);
    return result;
  }

  template <int kKind>
  static const sqlite3_io_methods* Wrapped(const sqlite3_file& file) {
    static const sqlite3_io_methods* const real_methods = file.pMethods;
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods copy = *real_methods;
      copy.xWrite = [](sqlite3_file* self, const void* bytes, int size, sqlite3_int64 offset) {
        return full_ ? SQLITE_FULL : real_methods->xWrite(self, bytes, size, offset);
      };
      return copy;
    }();
    LOCKSTEP_CHECK(file.pMethods == real_methods);
    return &methods;
  }

  inline static sqlite3_vfs* real_ = nullptr;
  inline static std::atomic<bool> full_ = false;
  sqlite3_vfs vfs_;
};

}  // namespace lockstep::test
