// The mailbox of a caller: one reply is taken, and said to be taken only when it has been shown.
#include "lab/reply_mailbox.h"

#include <future>
#include <thread>

#include "lab/servers.h"
#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;
using message::v1::DeliverRequest;
using message::v1::DeliverResponse;

bool Never() { return false; }
bool Always() { return true; }

message::v1::Envelope Reply(const std::string& correlation_id, const std::string& order_id = "o") {
  order::v1::OrderOutcome outcome;
  outcome.mutable_order()->set_order_id(order_id);
  message::v1::Envelope envelope;
  envelope.set_message_id("m");
  envelope.set_type("lockstep.order.v1.OrderOutcome");
  envelope.set_type_version(1);
  envelope.set_correlation_id(correlation_id);
  outcome.SerializeToString(envelope.mutable_payload());
  return envelope;
}

// Delivers on a thread of its own, because the answer waits until the reply has been shown.
std::future<StatusOr<DeliverResponse>> Deliver(const std::string& address,
                                               std::vector<message::v1::Envelope> envelopes) {
  return std::async(std::launch::async, [address, envelopes = std::move(envelopes)] {
    DeliverRequest request;
    for (const auto& envelope : envelopes) *request.add_envelopes() = envelope;
    Peer<message::v1::Mailbox> peer(address, 20s);
    return peer.Ask(&message::v1::Mailbox::Stub::Deliver, request);
  });
}

std::unique_ptr<ReplyMailbox> Started(const std::string& address, const std::string& id) {
  auto mailbox = ReplyMailbox::Start(address, id);
  REQUIRE(mailbox.ok());
  return *std::move(mailbox);
}

Deadline In(Duration time) { return Deadline::After(Clock::Real().Now(), time); }

TEST_CASE("a reply is said to be taken once it has been acknowledged, and not before") {
  auto mailbox = Started("127.0.0.1:0", "friday-1");
  auto delivered = Deliver(mailbox->address(), {Reply("friday-1", "o-1")});
  const auto reply = mailbox->Await(In(20s), Never);
  REQUIRE(reply);
  CHECK(reply->order().order_id() == "o-1");
  CHECK(delivered.wait_for(50ms) == std::future_status::timeout);
  mailbox->Acknowledge();
  const auto response = delivered.get();
  REQUIRE(response.ok());
  CHECK(response->outcomes(0).status().code() == 0);
  CHECK(!response->outcomes(0).duplicate());
}

TEST_CASE("a caller that ends without showing the reply has not taken it, the next one does") {
  auto mailbox = Started("127.0.0.1:0", "friday-1");
  const std::string address = mailbox->address();
  auto delivered = Deliver(address, {Reply("friday-1")});
  REQUIRE(mailbox->Await(In(20s), Never));
  mailbox.reset();
  const auto refused = delivered.get();
  const bool taken = refused.ok() && refused->outcomes(0).status().code() == 0;
  CHECK(!taken);

  mailbox = Started(address, "friday-1");
  auto again = Deliver(address, {Reply("friday-1")});
  REQUIRE(mailbox->Await(In(20s), Never));
  mailbox->Acknowledge();
  CHECK(again.get().value().outcomes(0).status().code() == 0);
}

TEST_CASE("what is not awaited is refused with the reason, in the same delivery") {
  auto mailbox = Started("127.0.0.1:0", "friday-1");
  message::v1::Envelope other_type = Reply("friday-1");
  other_type.set_type("lockstep.order.v1.Order");
  message::v1::Envelope other_version = Reply("friday-1");
  other_version.set_type_version(2);
  message::v1::Envelope broken = Reply("friday-1");
  broken.set_payload("\xff\xff");
  auto delivered = Deliver(mailbox->address(), {Reply("monday"), other_type, other_version, broken,
                                                Reply("friday-1"), Reply("friday-1")});
  REQUIRE(mailbox->Await(In(20s), Never));
  mailbox->Acknowledge();
  const auto response = delivered.get();
  REQUIRE(response.ok());
  std::vector<int> codes;
  for (const auto& outcome : response->outcomes()) codes.push_back(outcome.status().code());
  CHECK(codes == std::vector<int>{14, 12, 12, 12, 0, 0});
  CHECK(response->outcomes(0).status().message().find("friday-1") != std::string::npos);
  CHECK(response->outcomes(5).duplicate());
}

TEST_CASE("waiting ends at the deadline and when it is interrupted") {
  auto mailbox = Started("127.0.0.1:0", "friday-1");
  CHECK(!mailbox->Await(In(20ms), Never));
  CHECK(!mailbox->Await(In(20s), Always));
  const auto taken = ReplyMailbox::Start(mailbox->address(), "friday-1");
  CHECK(taken.status().code() == StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lockstep::lab
