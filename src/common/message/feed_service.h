// lockstep.message.v1.FeedService on completion queues, over one FeedSource. A stream reads its
// next piece from the file only when the piece before has gone out, so a subscriber that falls
// behind costs a piece of memory and no more. Commits wake the streams, and while nobody subscribes
// a commit costs one look at a number; a heartbeat goes out each limits::kFeedHeartbeat.
//
// A snapshot's position is the head that was read together with its first piece, and later pieces
// may hold records that changed after it. That is no harm, because those changes follow when the
// subscriber goes on from the position, so its copy of each record ends at the last version; but
// until it has them, a change may carry an older version of a record than the copy has.
//
// Threads: those of loops and readers, and one that counts time while somebody subscribes.
#pragma once

#include <memory>
#include <vector>

#include "common/base/limits.h"
#include "common/fault/injector.h"
#include "common/message/feed_source.h"
#include "common/rpc/method_list.h"
#include "common/store/store_file.h"
#include "lockstep/message/v1/message.grpc.pb.h"

namespace lockstep::message {

class FeedService {
 public:
  // All outlive it. Where another process writes to the file too, the file watches it
  // (StoreFileOptions::other_process_poll).
  FeedService(store::StoreFile& file, const FeedSource& source, fault::Injector& faults);
  ~FeedService();  // its streams have ended

  // For the business server.
  grpc::Service* service();
  std::vector<rpc::MethodBase*> methods();
  // Ends the streams, which would otherwise last as long as their subscribers: at the beginning of
  // an orderly end. Later ones are refused.
  void EndStreams();
  int streams() const;  // open now

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::message
