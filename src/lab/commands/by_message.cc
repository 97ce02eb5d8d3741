#include "lab/commands/by_message.h"

#include <thread>

#include "common/base/id.h"
#include "common/rpc/proto_values.h"
#include "lab/interrupt.h"
#include "lab/names.h"
#include "lab/reply_mailbox.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;

constexpr Duration kTryAgain = 100ms;
constexpr char kSender[] = "lockstep";

message::v1::Envelope EnvelopeOf(const order::v1::CreateOrderRequest& request,
                                 const std::string& correlation_id, const std::string& reply_to) {
  const WallTime now = Clock::Real().WallNow();
  message::v1::Envelope envelope;
  envelope.set_message_id(NewId(now));
  envelope.set_type(order::v1::CreateOrderRequest::descriptor()->full_name());
  envelope.set_type_version(1);
  envelope.set_key(request.request_id());
  envelope.set_correlation_id(correlation_id);
  envelope.set_reply_to(reply_to);
  rpc::SetTime(now, envelope.mutable_send_time());
  request.SerializeToString(envelope.mutable_payload());
  return envelope;
}

Status FromProto(const google::rpc::Status& status) {
  return rpc::FromGrpcStatus(grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                                          status.message(), status.SerializeAsString()));
}

// Delivers until it has been taken: as the message id stays the same, it is taken once.
Status Deliver(const std::string& address, const message::v1::Envelope& envelope,
               Deadline deadline) {
  message::v1::DeliverRequest request;
  request.set_sender(kSender);
  *request.add_envelopes() = envelope;
  for (;;) {
    Duration left = deadline.Remaining(Clock::Real().Now());
    Peer<message::v1::Mailbox> peer(address, std::max<Duration>(left, 1ms));
    const auto response = peer.Ask(&message::v1::Mailbox::Stub::Deliver, request);
    Status status = response.status();
    if (response.ok() && response->outcomes_size() == 1) {
      status = FromProto(response->outcomes(0).status());
    }
    const bool may_pass = status.code() == StatusCode::kUnavailable ||
                          status.code() == StatusCode::kResourceExhausted;
    left = deadline.Remaining(Clock::Real().Now());
    if (!may_pass || left <= kTryAgain || Interrupted()) return status;
    std::this_thread::sleep_for(kTryAgain);
  }
}

std::string OutcomeText(const order::v1::OrderOutcome& outcome) {
  const order::v1::Order& order = outcome.order();
  std::string text;
  if (outcome.has_order()) {
    text = fmt::format("{}{}, order {}",
                       PlainName(order::v1::Order::State_Name(order.state()), "STATE_"),
                       order.has_total() ? ", " + MoneyText(order.total()) : "", order.order_id());
  }
  if (outcome.has_error()) {
    const Status error = FromProto(outcome.error());
    text += fmt::format("{}{} {}: {}", text.empty() ? "" : ": ", CodeName(error.code()),
                        DetailOf(error).reason, MessageOf(error));
  }
  return text;
}

void PrintOutcome(const Context& context, const order::v1::OrderOutcome& outcome,
                  const std::string& correlation_id, Duration measured) {
  if (context.is_json) {
    Json json = AsJson(outcome);
    Put(json, "correlation_id", correlation_id);
    PutMillis(json, "measured_ms", measured);
    Print(JsonText(json));
  } else {
    Print(fmt::format("{}, {}\n", OutcomeText(outcome), MillisText(measured)));
  }
  std::fflush(stdout);
}

}  // namespace

int CreateByMessage(const Context& context, const ByMessageArguments& arguments,
                    order::v1::CreateOrderRequest request, Duration timeout) {
  const SteadyTime start = Clock::Real().Now();
  const Deadline deadline = Deadline::After(start, timeout);
  const std::string correlation_id =
      arguments.correlation_id.empty() ? NewId(Clock::Real().WallNow()) : arguments.correlation_id;
  const auto mailbox = ReplyMailbox::Start(arguments.mailbox, correlation_id);
  if (!mailbox.ok()) return Fail(context, mailbox.status());
  if (!arguments.takes_reply_only) {
    // Who repeats the command with the same correlation id asks for the same order.
    if (request.request_id().empty()) request.set_request_id(correlation_id);
    const Status delivered =
        Deliver(context.addresses.order.business,
                EnvelopeOf(request, correlation_id, (*mailbox)->address()), deadline);
    if (!delivered.ok()) return Fail(context, delivered);
  }
  const auto reply = (*mailbox)->Await(deadline, Interrupted);
  if (!reply) {
    const int status =
        Fail(context,
             MakeError(StatusCode::kDeadlineExceeded, "NO_REPLY_YET",
                       fmt::format("no reply within {}; to take it later: lockstep order create "
                                   "--by-message --take-reply --correlation-id {} --mailbox {}",
                                   MillisText(timeout), correlation_id, (*mailbox)->address())));
    return Interrupted() ? kExitInterrupted : status;
  }
  PrintOutcome(context, *reply, correlation_id, Clock::Real().Now() - start);
  (*mailbox)->Acknowledge();
  const bool stands = !reply->has_error() && reply->has_order();
  return stands ? kExitDone : kExitFailed;
}

}  // namespace lockstep::lab
