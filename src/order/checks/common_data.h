// The copies of style COMMON_DATA: reads the shared file that Consumer and Restaurant write into
// (common/message/common_data.h), each limits::kCommonDataPoll, and never writes there. The books
// are filled anew from it at each start; Order's own file keeps the versions alone, for the audit.
//
// Threads: one of its own, from the constructor to Stop. While the file is missing, cannot be read
// or belongs to a newer program, the books stay as they are, and their age grows.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/store/database.h"
#include "order/checks/copy_keeper.h"

namespace lockstep::order {

class CommonDataReader {
 public:
  // path: of the shared file. The others outlive it.
  CommonDataReader(std::string path, store::StoreFile& own, CopyBooks& books, CopyCounts& counts);
  ~CommonDataReader();
  void Stop();  // idempotent

 private:
  // How far one owner's records have been read.
  template <typename Records>
  struct Reading {
    Reading(store::StoreFile& own, CopyBook<typename Records::Copy>& filled, CopyCounts& counts)
        : keeper(own, CopySource::kSharedFile, filled, counts), book(filled) {}
    CopyKeeper<Records> keeper;
    CopyBook<typename Records::Copy>& book;
    std::string feed_id;
    std::int64_t number = 0;
  };

  void Loop();
  Status Poll();
  Status OpenAnew();
  template <typename Records>
  Status Follow(Reading<Records>& reading);

  const std::string path_;
  std::unique_ptr<store::Database> database_;        // null: to be opened
  std::optional<std::pair<dev_t, ino_t>> identity_;  // of the file that is open
  Reading<ConsumerRecords> consumers_;
  Reading<RestaurantRecords> restaurants_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;     // last: it uses the others
};

}  // namespace lockstep::order
