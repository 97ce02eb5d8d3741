// The mailbox of a caller that places an order by message: a small server that waits for one reply,
// the OrderOutcome with its correlation id. Whoever delivers it is told that it was taken only once
// it has been shown, so a caller that dies before that gets it again; any later mailbox at the same
// address that knows the correlation id can take it.
//
// A message that is not the awaited one is refused and stays with its sender, who tries it again.
//
// Threads: one, beside gRPC's own on which Deliver runs.
#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/deadline.h"
#include "common/base/status.h"
#include "lockstep/message/v1/message.grpc.pb.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::lab {

class ReplyMailbox final : private message::v1::Mailbox::Service {
 public:
  // address: HOST:PORT, port 0 takes a free one. UNAVAILABLE if it cannot be listened on.
  static StatusOr<std::unique_ptr<ReplyMailbox>> Start(const std::string& address,
                                                       std::string correlation_id);
  ~ReplyMailbox() override;

  // With the port that was taken.
  const std::string& address() const { return address_; }
  // Until the reply is there; nothing once the deadline has passed or interrupted() is true.
  std::optional<order::v1::OrderOutcome> Await(Deadline deadline, bool (*interrupted)());
  // The reply has been shown. When this returns, whoever delivered it has been told, if it is still
  // there.
  void Acknowledge();

 private:
  explicit ReplyMailbox(std::string correlation_id) : correlation_id_(std::move(correlation_id)) {}

  grpc::Status Deliver(grpc::ServerContext* context, const message::v1::DeliverRequest* request,
                       message::v1::DeliverResponse* response) override;
  // What becomes of one message; waits until the reply has been shown.
  Status Take(const message::v1::Envelope& envelope, bool& duplicate);

  const std::string correlation_id_;
  std::string address_;
  std::mutex mutex_;  // guards what is below, but for the server
  std::condition_variable changed_;
  std::optional<order::v1::OrderOutcome> reply_;
  bool acknowledged_ = false;
  bool closing_ = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lockstep::lab
