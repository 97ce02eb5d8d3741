#include "common/owner/effect.h"

namespace lockstep::owner {

void AddHandlers(message::Handlers& handlers, const message::Transport& transport,
                 Effects effects) {
  for (auto& [type, effect] : effects) {
    handlers[type] = [&transport, effect = std::move(effect)](store::Database& database,
                                                              const message::v1::Envelope& command,
                                                              WallTime now) -> message::Handled {
      const StatusOr<std::optional<message::v1::Envelope>> answer = effect(database, command, now);
      if (!answer.ok()) return {answer.status(), nullptr};
      if (!answer->has_value()) return {OkStatus(), nullptr};
      if (Status status = CheckReplyTo(command, transport); !status.ok()) return {status, nullptr};
      return {message::PutIntoOutbox(database, command.reply_to(), **answer), nullptr};
    };
  }
}

}  // namespace lockstep::owner
