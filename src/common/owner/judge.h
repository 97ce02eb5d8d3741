// Questions that come as messages, and what an owner says to them. Threads: the store thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/message/envelope.h"
#include "common/message/mailbox.h"
#include "common/message/outbox.h"
#include "common/message/transport.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::owner {

// The answer, ready to be sent; an error refuses the question.
using Judge = std::function<StatusOr<message::v1::Envelope>(const message::v1::Envelope& question,
                                                            WallTime now)>;
// By the type of the question.
using Judges = std::map<std::string, Judge>;

// An answer, as the question wants it.
template <class Answer>
message::v1::Envelope AnswerTo(const message::v1::Envelope& question, const Answer& answer,
                               WallTime now) {
  message::v1::Envelope envelope =
      message::MakeEnvelope(answer, question.key(), question.correlation_id(), now);
  envelope.set_trace_parent(question.trace_parent());
  return envelope;
}

// OK if an answer to the question can be sent.
Status CheckReplyTo(const message::v1::Envelope& question, const message::Transport& transport);

// judge: StatusOr<Answer>(const Asked&, WallTime now).
template <class Asked, class Answer, class Say>
void AddJudge(Judges& judges, Say say) {
  judges[Asked::descriptor()->full_name()] = [say = std::move(say)](
                                                 const message::v1::Envelope& question,
                                                 WallTime now) -> StatusOr<message::v1::Envelope> {
    Asked asked;
    if (Status status = message::ReadPayload(question, asked); !status.ok()) return status;
    StatusOr<Answer> answer = say(asked, now);
    if (!answer.ok()) return answer.status();
    return AnswerTo(question, *answer, now);
  };
}

// Each puts its answer into the outbox for the question's reply_to, within the transaction. A
// question that cannot be answered there is refused before it is judged. transport: outlives them.
message::Handlers AnsweringHandlers(const message::Transport& transport, Judges judges);

}  // namespace lockstep::owner
