#include "common/owner/judge.h"

#include <fmt/format.h>

namespace lockstep::owner {

Status CheckReplyTo(const message::v1::Envelope& question, const message::Transport& transport) {
  if (question.reply_to().empty()) {
    return MakeError(StatusCode::kInvalidArgument, "REPLY_TO_MISSING",
                     fmt::format("message {} of type {} asks for an answer, but reply_to does not "
                                 "say where it goes: name a peer or a mailbox's HOST:PORT",
                                 question.message_id(), question.type()));
  }
  return transport.Knows(question.reply_to());
}

message::Handlers AnsweringHandlers(const message::Transport& transport, Judges judges) {
  message::Handlers handlers;
  for (auto& [type, judge] : judges) {
    handlers[type] = [&transport, judge = std::move(judge)](store::Database& database,
                                                            const message::v1::Envelope& question,
                                                            WallTime now) -> message::Handled {
      if (Status status = CheckReplyTo(question, transport); !status.ok()) return {status, nullptr};
      const StatusOr<message::v1::Envelope> answer = judge(question, now);
      if (!answer.ok()) return {answer.status(), nullptr};
      return {message::PutIntoOutbox(database, question.reply_to(), *answer), nullptr};
    };
  }
  return handlers;
}

}  // namespace lockstep::owner
