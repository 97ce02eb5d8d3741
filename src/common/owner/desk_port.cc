#include "common/owner/desk_port.h"

#include <utility>

namespace lockstep::owner {

StatusOr<control::v1::ListMessagesResponse> DeskPort::ListMessages(
    const control::v1::ListMessagesRequest& request) {
  StatusOr<message::Desk::Page> page =
      desk_.List(request.box(), request.destination(), request.message_id(), request.page_size());
  if (!page.ok()) return page.status();
  control::v1::ListMessagesResponse response;
  response.set_total(page->total);
  for (message::v1::StoredMessage& message : page->messages) {
    *response.add_messages() = std::move(message);
  }
  return response;
}

control::v1::MessageCounts CountsOf(const message::Relay& relay, const message::Mailbox& mailbox) {
  const message::Relay::Counts out = relay.counts();
  const message::Mailbox::Counts in = mailbox.counts();
  control::v1::MessageCounts counts;
  counts.set_sent(out.sent);
  counts.set_send_failed(out.failed);
  counts.set_dead(out.dead);
  counts.set_taken(in.taken);
  counts.set_duplicates(in.duplicates);
  counts.set_refused(in.refused);
  return counts;
}

}  // namespace lockstep::owner
