// Says what lies in the outbox: at least once, in order for each key, in bounded batches. Each
// destination has a sender of its own, so that a slow or dead receiver holds up no other; a commit
// wakes it, and a timer where something is to be tried again. Of several processes on one file, one
// at a time has the lease of a destination; another takes it over limits::kRelayLease after that
// one was killed.
//
// A message that its receiver refuses is tried again with backoff and jitter, while later messages
// of its key wait and those of other keys go on; after attempts_max tries it goes to the dead
// letters. A receiver that cannot be reached costs no message a try.
//
// Threads: those of its parts; every method from any. Invariant: a message is marked as sent only
// after its receiver has said that it was taken.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/message/transport.h"
#include "common/store/store_file.h"

namespace lockstep::message {

struct RelayOptions {
  std::string holder;  // this process, among those on the same file; empty: a new UUID
  int batch_max = limits::kDeliverEnvelopesMax;
  int attempts_max = limits::kMessageAttempts;
  Duration deliver_timeout = limits::kDeliverTimeout;
  Duration backoff_min = limits::kRelayBackoffMin;
  Duration backoff_max = limits::kRelayBackoffMax;
  Duration lease = limits::kRelayLease;
  Duration retention = limits::kMessageRetention;  // of sent and heard rows
};

class Relay {
 public:
  // file, transport: outlive it.
  Relay(store::StoreFile& file, Transport& transport, RelayOptions options = {});
  ~Relay();  // Stop()

  void Start();
  // Nothing is sent any more; what was under way has been answered, or was cancelled because it
  // took longer than limits::kRelayStopGrace. Before the file and the transport's loop stop.
  void Stop();
  // Something may wait: after a redrive, say. A commit of this process wakes it by itself.
  void Wake();

  struct Counts {
    std::int64_t sent = 0;
    std::int64_t failed = 0;
    std::int64_t dead = 0;
  };
  Counts counts() const;
  void ResetCounts();

  // Since the start, for the backlog: by destination.
  struct Sent {
    std::string destination;
    std::int64_t sent = 0;
    std::string error;  // of the last delivery
  };
  std::vector<Sent> sent() const;

 private:
  class Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace lockstep::message
