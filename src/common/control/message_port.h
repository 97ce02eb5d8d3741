// What the control plane asks of the boxes of a service: a port, because the control plane knows no
// database. A service that sends messages gives one, see HostedService::messages.
//
// Threads: those of the control server, several at once; a call may wait for a file. Between Start
// and Stop of the service only.
#pragma once

#include <string>

#include "common/base/status.h"
#include "lockstep/control/v1/control.pb.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::control {

class MessagePort {
 public:
  virtual ~MessagePort() = default;
  virtual StatusOr<message::v1::Backlog> GetBacklog() = 0;
  // Checked: the box is said, page_size is 1 to limits::kPageSizeMax.
  virtual StatusOr<v1::ListMessagesResponse> ListMessages(
      const v1::ListMessagesRequest& request) = 0;
  // NOT_FOUND, reason MESSAGE_UNKNOWN; FAILED_PRECONDITION, reason MESSAGE_NOT_DEAD. The id is not
  // empty.
  virtual StatusOr<message::v1::StoredMessage> Redrive(const std::string& message_id) = 0;
  virtual StatusOr<message::v1::StoredMessage> Drop(const std::string& message_id) = 0;
};

}  // namespace lockstep::control
