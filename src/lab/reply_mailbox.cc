#include "lab/reply_mailbox.h"

#include <grpcpp/server_builder.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/validate.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kLookForInterrupt = 50ms;
constexpr Duration kEndLimit = 1s;  // for the answer to whoever delivered the reply

std::chrono::system_clock::time_point In(Duration time) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
}

}  // namespace

StatusOr<std::unique_ptr<ReplyMailbox>> ReplyMailbox::Start(const std::string& address,
                                                            std::string correlation_id) {
  std::unique_ptr<ReplyMailbox> mailbox(new ReplyMailbox(std::move(correlation_id)));
  grpc::ServerBuilder builder;
  const rpc::Listener listener(builder, address);
  builder.RegisterService(mailbox.get());
  StatusOr<std::unique_ptr<grpc::Server>> server = listener.Built(builder.BuildAndStart());
  if (!server.ok()) return server.status();
  mailbox->server_ = *std::move(server);
  mailbox->address_ = listener.address();
  return mailbox;
}

ReplyMailbox::~ReplyMailbox() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (server_ != nullptr) {
    server_->Shutdown(In(kEndLimit));
    server_->Wait();
  }
}

std::optional<order::v1::OrderOutcome> ReplyMailbox::Await(Deadline deadline,
                                                           bool (*interrupted)()) {
  std::unique_lock lock(mutex_);
  while (!reply_ && !interrupted()) {
    const Duration left = deadline.Remaining(Clock::Real().Now());
    if (left <= Duration::zero()) break;
    changed_.wait_for(lock, std::min(left, kLookForInterrupt));
  }
  return reply_;
}

void ReplyMailbox::Acknowledge() {
  {
    const std::lock_guard lock(mutex_);
    acknowledged_ = true;
  }
  changed_.notify_all();
  server_->Shutdown(In(kEndLimit));
  server_->Wait();
}

grpc::Status ReplyMailbox::Deliver(grpc::ServerContext* /*context*/,
                                   const message::v1::DeliverRequest* request,
                                   message::v1::DeliverResponse* response) {
  for (const message::v1::Envelope& envelope : request->envelopes()) {
    message::v1::DeliverResponse::Outcome& outcome = *response->add_outcomes();
    bool duplicate = false;
    const Status status = Take(envelope, duplicate);
    outcome.set_duplicate(duplicate);
    if (!status.ok()) {
      outcome.mutable_status()->ParseFromString(rpc::ToGrpcStatus(status, nullptr).error_details());
    } else {
      outcome.mutable_status();  // OK
    }
  }
  return grpc::Status::OK;
}

Status ReplyMailbox::Take(const message::v1::Envelope& envelope, bool& duplicate) {
  order::v1::OrderOutcome outcome;
  if (envelope.type() != order::v1::OrderOutcome::descriptor()->full_name() ||
      envelope.type_version() != 1 || !outcome.ParseFromString(envelope.payload())) {
    return MakeError(StatusCode::kUnimplemented, "MESSAGE_TYPE_UNKNOWN",
                     "this mailbox takes lockstep.order.v1.OrderOutcome, version 1, and not " +
                         Quoted(envelope.type()));
  }
  if (envelope.correlation_id() != correlation_id_) {
    return MakeError(StatusCode::kUnavailable, "REPLY_NOT_AWAITED",
                     "whoever is here waits for the reply to " + Quoted(correlation_id_) +
                         ", not to " + Quoted(envelope.correlation_id()));
  }
  std::unique_lock lock(mutex_);
  duplicate = reply_.has_value();
  if (!reply_) reply_ = std::move(outcome);
  changed_.notify_all();
  changed_.wait(lock, [this] { return acknowledged_ || closing_; });
  if (acknowledged_) return OkStatus();
  return MakeError(StatusCode::kUnavailable, "REPLY_NOT_SHOWN",
                   "the caller ended before it had shown the reply");
}

}  // namespace lockstep::lab
