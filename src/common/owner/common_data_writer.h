// Keeps an owner's records in the file of the style COMMON_DATA: follows the owner's own feed,
// piece by piece, each piece and how far it reaches in one transaction. Where the file does not fit
// the feed (it is new, or was made from another database, or the feed begins later), everything is
// written anew from the records, in one transaction as well.
//
// Threads: one of its own, woken by the owner's commits; Stop from any. Invariant: what a reader of
// the file sees in one transaction is what the owner had at one of its commits, and `published`
// says which.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/message/feed_source.h"
#include "common/message/feed_subscriber.h"
#include "common/store/checkpointer.h"
#include "common/store/commit_signal.h"
#include "common/store/database.h"

namespace lockstep::owner {

struct CommonDataOptions {
  std::string path;                           // the shared file
  std::string owner;                          // "consumer"
  std::string source;                         // the owner's own file
  Duration refresh = limits::kFeedHeartbeat;  // of as_of_time while nothing changes
};

class CommonDataWriter {
 public:
  // An error if the shared file cannot be used. committed, feed: outlive it.
  static StatusOr<std::unique_ptr<CommonDataWriter>> Start(CommonDataOptions options,
                                                           store::CommitSignal& committed,
                                                           const message::FeedSource& feed);
  ~CommonDataWriter();  // Stop()
  // Idempotent. What was committed before is not necessarily in the file.
  void Stop();

 private:
  using Changes = std::vector<message::v1::Change>;

  CommonDataWriter(CommonDataOptions options, std::unique_ptr<store::Database> own,
                   std::unique_ptr<store::Database> shared,
                   std::unique_ptr<store::Checkpointer> checkpointer,
                   store::CommitSignal& committed, const message::FeedSource& feed);
  void Run();
  // Brings the shared file to where the owner's is. True: there may be more.
  StatusOr<bool> Pass();
  StatusOr<message::FeedPosition> ReadPublished();
  Status WritePublished(const message::FeedPosition& position);
  Status Put(const Changes& changes);
  Status WriteAnew(const message::FeedPosition& position);
  void Note(const Status& status);

  const CommonDataOptions options_;
  const message::FeedSource& feed_;
  const std::unique_ptr<store::Database> own_;  // read only
  const std::unique_ptr<store::Database> shared_;
  const std::unique_ptr<store::Checkpointer> checkpointer_;
  std::optional<message::FeedPosition> published_;  // as in the shared file; none: to be read
  SteadyTime written_;                              // when it was last written
  bool in_trouble_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = true;
  bool stopping_ = false;
  std::mutex stop_mutex_;  // held while joining
  std::thread thread_;
  std::optional<store::CommitSignal::Listening> listening_;
};

}  // namespace lockstep::owner
