// The boxes of a service as the control plane asks for them: what stands between it, which knows no
// database, and common/message, which knows no control plane. Threads: as of control::MessagePort.
#pragma once

#include <string>

#include "common/control/message_port.h"
#include "common/message/desk.h"
#include "common/message/mailbox.h"
#include "common/message/relay.h"

namespace lockstep::owner {

class DeskPort : public control::MessagePort {
 public:
  // desk: outlives it.
  explicit DeskPort(message::Desk& desk) : desk_(desk) {}

  StatusOr<message::v1::Backlog> GetBacklog() override { return desk_.GetBacklog(); }
  StatusOr<control::v1::ListMessagesResponse> ListMessages(
      const control::v1::ListMessagesRequest& request) override;
  StatusOr<message::v1::StoredMessage> Redrive(const std::string& message_id) override {
    return desk_.Redrive(message_id);
  }
  StatusOr<message::v1::StoredMessage> Drop(const std::string& message_id) override {
    return desk_.Drop(message_id);
  }

 private:
  message::Desk& desk_;
};

// For Ledger::SetMessages: nobody resets the counts of the relay and the mailbox themselves.
control::v1::MessageCounts CountsOf(const message::Relay& relay, const message::Mailbox& mailbox);

}  // namespace lockstep::owner
