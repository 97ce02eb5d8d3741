// Messages to the mailbox of a service, and what it said to each.
#pragma once

#include <string>
#include <vector>

#include "common/message/outbox.h"
#include "tests/services/hosted.h"

namespace lockstep::test {

// Delivers to the mailbox of a service; the outcome of each message, by its reason where it failed.
inline std::vector<std::string> Deliver(const std::string& address,
                                        const std::vector<message::v1::Envelope>& envelopes) {
  const auto stub =
      message::v1::Mailbox::NewStub(rpc::MakeChannel(address, {.own_connection = true}));
  message::v1::DeliverRequest request;
  request.set_sender("test");
  for (const message::v1::Envelope& envelope : envelopes) *request.add_envelopes() = envelope;
  grpc::ClientContext context;
  context.set_deadline(rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), 20s)));
  message::v1::DeliverResponse response;
  const grpc::Status status = stub->Deliver(&context, request, &response);
  if (!status.ok()) return {status.error_message()};
  std::vector<std::string> said;
  for (const auto& outcome : response.outcomes()) {
    if (outcome.status().code() == 0) {
      said.emplace_back(outcome.duplicate() ? "duplicate" : "taken");
    } else {
      const Status refused = rpc::FromGrpcStatus(
          grpc::Status(static_cast<grpc::StatusCode>(outcome.status().code()),
                       outcome.status().message(), outcome.status().SerializeAsString()));
      said.push_back(CodeName(refused.code()) + " " + DetailOf(refused).reason);
    }
  }
  return said;
}

template <typename Payload>
message::v1::Envelope Question(const Payload& payload, const std::string& key) {
  message::v1::Envelope envelope =
      message::MakeEnvelope(payload, key, "about-" + key, Clock::Real().WallNow());
  envelope.set_reply_to("order");
  return envelope;
}

}  // namespace lockstep::test
