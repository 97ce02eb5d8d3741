// lockstep.message.v1.FeedService on completion queues, over one FeedSource. A stream reads its
// next piece from the file only when the piece before has gone out, so a subscriber that falls
// behind costs a piece of memory and no more. Commits wake the streams; a heartbeat goes out each
// limits::kFeedHeartbeat. Threads: those of loops and readers.
#pragma once

#include <memory>
#include <vector>

#include "common/fault/injector.h"
#include "common/message/feed_source.h"
#include "common/rpc/method_list.h"
#include "common/store/store_file.h"
#include "lockstep/message/v1/message.grpc.pb.h"

namespace lockstep::message {

class FeedService {
 public:
  // All outlive it.
  FeedService(store::StoreFile& file, const FeedSource& source, fault::Injector& faults);
  ~FeedService();

  // For the business server.
  grpc::Service* service();
  std::vector<rpc::MethodBase*> methods();
  // Ends the streams, which would otherwise last as long as their subscribers: at the beginning of
  // an orderly end.
  void EndStreams();

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::message
