// Commands that come as messages: what a command changes, its inbox row and its answer are one
// transaction. Threads: the store thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/message/mailbox.h"
#include "common/message/transport.h"
#include "common/owner/judge.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::owner {

// Does it, and says what is to be answered, if anything. An error rolls it back, and refuses the
// message.
using Effect = std::function<StatusOr<std::optional<message::v1::Envelope>>(
    store::Database& database, const message::v1::Envelope& command, WallTime now)>;
// By the type of the command.
using Effects = std::map<std::string, Effect>;

// act: StatusOr<std::optional<Answer>>(store::Database&, const Command&, WallTime now); of a
// command that is never answered, Status.
template <class Command, class Act>
void AddEffect(Effects& effects, Act act) {
  using message::v1::Envelope;
  effects[Command::descriptor()->full_name()] =
      [act = std::move(act)](store::Database& database, const Envelope& command,
                             WallTime now) -> StatusOr<std::optional<Envelope>> {
    Command said;
    if (Status status = message::ReadPayload(command, said); !status.ok()) return status;
    auto done = act(database, said, now);
    if constexpr (std::is_same_v<decltype(done), Status>) {
      if (!done.ok()) return done;
      return std::optional<Envelope>();
    } else {
      if (!done.ok()) return done.status();
      if (!done->has_value()) return std::optional<Envelope>();
      return std::optional<Envelope>(AnswerTo(command, **done, now));
    }
  };
}

// Each puts its answer into the outbox for the command's reply_to. A command whose answer cannot go
// there is refused. transport: outlives them.
void AddHandlers(message::Handlers& handlers, const message::Transport& transport, Effects effects);

}  // namespace lockstep::owner
