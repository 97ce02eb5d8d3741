// Looks into the boxes of a service for people: what waits, what was given up; tries it again or
// drops it. Threads: any; each call waits for the file, so none from a loop.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/message/mailbox.h"
#include "common/message/relay.h"
#include "common/store/store_file.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

// The role of the one destination that is no peer: a message that came in by a feed.
inline constexpr char kSelf[] = "self";

class Desk {
 public:
  // All outlive it.
  Desk(store::StoreFile& file, Relay& relay, Mailbox& mailbox)
      : file_(file), relay_(relay), mailbox_(mailbox) {}

  StatusOr<v1::Backlog> GetBacklog() const;  // without the orders
  struct Page {
    std::vector<v1::StoredMessage> messages;
    std::int64_t total = 0;
  };
  // Empty destination, message_id: any. Of the outbox only what waits.
  StatusOr<Page> List(v1::StoredMessage::Box box, const std::string& destination,
                      const std::string& message_id, int count_max) const;
  // One that was given up: NOT_FOUND, reason MESSAGE_UNKNOWN, or FAILED_PRECONDITION, reason
  // MESSAGE_NOT_DEAD, for another. To self: it is handled again at once, and stays if it is refused
  // again. box of the answer: where it lies now, unspecified once it was handled.
  StatusOr<v1::StoredMessage> Redrive(const std::string& message_id);
  StatusOr<v1::StoredMessage> Drop(const std::string& message_id);

 private:
  Status Explained(Status status, const std::string& message_id) const;
  StatusOr<v1::StoredMessage> HandleAgain(v1::StoredMessage message);

  store::StoreFile& file_;
  Relay& relay_;
  Mailbox& mailbox_;
};

// Within a transaction: gives a message up.
Status PutIntoDeadLetters(store::Database& database, std::string_view destination,
                          const v1::Envelope& envelope, int attempts, std::string_view error,
                          WallTime now);

}  // namespace lockstep::message
