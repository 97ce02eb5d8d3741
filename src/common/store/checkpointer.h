// Moves what the log holds into the database file, on a thread and a connection of its own, so that
// no commit has to. Every interval it copies what it can without holding anybody up (PASSIVE).
//
// That alone does not bound the log. Its space is used again only when a commit finds all of it
// copied, and under steady writing the newest part never is: at 17,000 rows/s, 45 a commit, the log
// grew by 25 MB/s. So beyond wal_bytes_max it keeps the writer out, which by then is for the last
// few frames and two flushes, and waits for those who still read the log (RESTART), 20 ms at most:
// the next commit begins at the log's start. At the same rate that was once in 2 to 4 seconds, and
// the longest commit of a run was 35 to 104 ms with restarts and 27 to 166 ms without: what the
// disk does by itself. A reader that stays longer keeps the log growing; it is tried again at each
// interval, and the file is cut back to wal_bytes_max once the reader has gone.
//
// Threads: one of its own; Stop and the counters from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::store {

struct CheckpointerOptions {
  Duration interval = limits::kCheckpointInterval;
  std::int64_t wal_bytes_max = limits::kWalBytesMax;
  Durability durability = Durability::kFull;  // that of the writer
};

class Checkpointer {
 public:
  // The file must be there.
  static StatusOr<std::unique_ptr<Checkpointer>> Start(const std::string& path,
                                                       const CheckpointerOptions& options = {});
  ~Checkpointer();  // stops it

  // Ends it at once, or after the checkpoint under way. Idempotent.
  void Stop();

  struct Counters {
    std::int64_t checkpoints = 0;  // that had something to copy
    std::int64_t restarts = 0;     // of the log, because it was too long
    Duration restart_longest{};    // the writer kept out
    std::int64_t failures = 0;     // each is logged as checkpoint_failed
    std::int64_t wal_bytes = 0;    // in use at the last look
  };
  Counters counters() const;

 private:
  struct Extent {
    int frames = 0;  // in the log
    int copied = 0;  // of them
  };

  Checkpointer(std::unique_ptr<Database> database, const CheckpointerOptions& options);
  void Loop();
  void Pass();
  bool Run(int mode, Extent& extent);

  const std::unique_ptr<Database> database_;
  const CheckpointerOptions options_;
  std::int64_t frame_bytes_ = 0;
  Extent last_;
  int restarted_at_ = 0;  // frames in the log when it was last made ready to restart

  std::atomic<std::int64_t> checkpoints_ = 0, restarts_ = 0, restart_longest_ = 0, failures_ = 0,
                            wal_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;

  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;
};

}  // namespace lockstep::store
