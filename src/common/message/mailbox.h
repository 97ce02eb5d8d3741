// The receiving side: lockstep.message.v1.Mailbox on completion queues, and the handlers behind it.
// Each message is one item of the store thread: inbox row, effect and whatever the handler puts
// into the outbox are one transaction, and many messages share a commit. A message that is refused
// holds back the later ones of its key in the same delivery, and none of another key.
//
// Threads: Take from any; handlers and after_commit run on the store thread and must be quick;
// counts from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/status.h"
#include "common/fault/injector.h"
#include "common/rpc/method_list.h"
#include "common/store/store_file.h"
#include "lockstep/message/v1/message.grpc.pb.h"

namespace lockstep::message {

// What became of a message. An error: it has no effect, and is tried again by whoever sent it.
struct Handled {
  Status status;
  AnyInvocable<void()> after_commit;  // may be null; only after a commit, once
};
// Within the transaction. May run more than once for a message whose transaction is begun anew.
using Handler =
    std::function<Handled(store::Database& database, const v1::Envelope& envelope, WallTime now)>;
// By the full name of the payload's type.
using Handlers = std::map<std::string, Handler>;

struct Taken {
  Status status;
  bool duplicate = false;
};

class Mailbox {
 public:
  // All outlive the mailbox; calls and Takes have ended before it goes.
  Mailbox(store::StoreFile& file, fault::Injector& faults, Handlers handlers);
  ~Mailbox();

  // For the business server.
  grpc::Service* service();
  std::vector<rpc::MethodBase*> methods();

  // Takes messages as if they had been delivered: what comes by a feed. done: one for each, in
  // order, once, on the store thread or before this returns.
  void Take(std::vector<v1::Envelope> envelopes, Deadline not_after,
            AnyInvocable<void(std::vector<Taken>)> done);

  // Since the last reset.
  struct Counts {
    std::int64_t taken = 0;
    std::int64_t duplicates = 0;
    std::int64_t refused = 0;
  };
  Counts counts() const;
  void ResetCounts();

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::message
