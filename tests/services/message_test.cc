// Questions that come as messages: the verdict goes where reply_to says, once, in the transaction
// that notes the question.
#include "tests/services/consumers.h"
#include "tests/services/delivery.h"
#include "tests/services/order_peer.h"
#include "tests/services/restaurants.h"

namespace lockstep::test {
namespace {

using message::v1::Envelope;

Envelope AskConsumer(const std::string& consumer_id, const std::string& order_id = "o1") {
  consumer::v1::ValidateConsumerInfo asked;
  asked.set_order_id(order_id);
  asked.set_consumer_id(consumer_id);
  return Question(asked, order_id);
}

Envelope AskRestaurant(const std::string& restaurant_id, int items) {
  const rv1::ValidateOrderDetailsRequest order = Order(restaurant_id, items);
  restaurant::v1::ValidateOrderDetails asked;
  asked.set_order_id(order.order_id());
  asked.set_restaurant_id(order.restaurant_id());
  *asked.mutable_lines() = order.lines();
  *asked.mutable_delivery_address() = order.delivery_address();
  return Question(asked, "o1");
}

std::int64_t OutboxRows(const std::string& path) {
  return CountIn(path, "SELECT count(*) FROM outbox");
}

using Said = std::vector<std::string>;

TEST_CASE("Consumer: a question by message is answered to reply_to, once however often it comes") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers service(dir.File("c.db"), order.Flags(/*order_feed=*/false));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann", 50)).ok());
  const Envelope question = AskConsumer("c1");
  CHECK(Deliver(service.address(), {question}) == Said{"taken"});
  const Envelope answer = order.Verdicts(1)[0];
  CHECK(Deliver(service.address(), {question, question}) == Said{"duplicate", "duplicate"});
  CHECK(answer.key() == "o1");
  CHECK(answer.correlation_id() == "about-o1");
  CHECK(answer.type_version() == 1);
  CHECK(answer.reply_to().empty());
  const auto verdict = PayloadOf<consumer::v1::ConsumerValidated>(answer).verdict();
  CHECK(verdict.accepted());
  CHECK(verdict.order_id() == "o1");
  CHECK(verdict.consumer_id() == "c1");
  CHECK(verdict.consumer_version() == 1);
  CHECK(verdict.order_limit().units() == 50);
  CHECK(verdict.node() == "here");
  CHECK(OutboxRows(dir.File("c.db")) == 1);
  CHECK(order.verdicts() == 1);
}

TEST_CASE("Consumer: many questions, each delivered again and again, have one verdict each") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers service(dir.File("c.db"), order.Flags(/*order_feed=*/false));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  constexpr int kQuestions = 200;
  std::vector<Envelope> questions;
  for (int i = 0; i < kQuestions; ++i) {
    questions.push_back(AskConsumer("c1", "o" + std::to_string(i)));
  }
  AtOnce(4, [&](int) { Deliver(service.address(), questions); });
  std::map<std::string, int> of_order;
  for (const Envelope& answer : order.Verdicts(kQuestions)) {
    ++of_order[PayloadOf<consumer::v1::ConsumerValidated>(answer).verdict().order_id()];
  }
  CHECK(of_order.size() == kQuestions);
  CHECK(OutboxRows(dir.File("c.db")) == kQuestions);
  CHECK(order.verdicts() == kQuestions);
}

TEST_CASE("Restaurant: a question by message is judged and priced") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Restaurants service(dir.File("r.db"), order.Flags(/*order_feed=*/false));
  REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1", 3, 450)).ok());
  CHECK(Deliver(service.address(), {AskRestaurant("r1", 3)}) == Said{"taken"});
  const auto verdict =
      PayloadOf<restaurant::v1::OrderDetailsValidated>(order.Verdicts(1)[0]).verdict();
  CHECK(verdict.accepted());
  CHECK(verdict.order_id() == "o1");
  CHECK(verdict.lines_size() == 3);
  CHECK(verdict.total().units() == 13);
  CHECK(verdict.total().nanos() == 500'000'000);
}

TEST_CASE("a refusal is a verdict as well, and goes out like one") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers service(dir.File("c.db"), order.Flags(/*order_feed=*/false));
  CHECK(Deliver(service.address(), {AskConsumer("nobody")}) == Said{"taken"});
  const auto verdict = PayloadOf<consumer::v1::ConsumerValidated>(order.Verdicts(1)[0]).verdict();
  CHECK_FALSE(verdict.accepted());
  REQUIRE(verdict.refusals_size() == 1);
  CHECK(verdict.refusals(0).reason() == cv1::ConsumerVerdict::REASON_CONSUMER_UNKNOWN);
}

TEST_CASE("a question that cannot be answered or understood is refused, and leaves nothing") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Consumers service(dir.File("c.db"), order.Flags(/*order_feed=*/false));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  Envelope no_reply = AskConsumer("c1", "a");
  no_reply.clear_reply_to();
  Envelope unknown_peer = AskConsumer("c1", "b");
  unknown_peer.set_reply_to("kitchen");
  Envelope malformed = AskConsumer("c1", "c");
  malformed.set_payload("\xff\xff");
  Envelope newer = AskConsumer("c1", "d");
  newer.set_type_version(2);
  const Envelope invalid = AskConsumer("No Id", "e");
  const Envelope good = AskConsumer("c1", "f");
  CHECK(Deliver(service.address(), {no_reply, unknown_peer, malformed, newer, invalid, good}) ==
        Said{"INVALID_ARGUMENT REPLY_TO_MISSING", "FAILED_PRECONDITION PEER_UNKNOWN",
             "INVALID_ARGUMENT MESSAGE_MALFORMED", "INVALID_ARGUMENT MESSAGE_VERSION_UNKNOWN",
             "INVALID_ARGUMENT INVALID_REQUEST", "taken"});
  CHECK(PayloadOf<consumer::v1::ConsumerValidated>(order.Verdicts(1)[0]).verdict().order_id() ==
        "f");
  CHECK(OutboxRows(dir.File("c.db")) == 1);
  CHECK(CountIn(dir.File("c.db"), "SELECT count(*) FROM inbox") == 1);
}

TEST_CASE("an answer outlives the service that gave it, and reaches a peer that comes back") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  owner::OwnerFlags nobody_there = order.Flags(/*order_feed=*/false);
  nobody_there.peers[owner::kOrder] = {"127.0.0.1:1"};
  {
    Consumers service(dir.File("c.db"), nobody_there);
    CHECK(Deliver(service.address(), {AskConsumer("c1")}) == Said{"taken"});
  }
  CHECK(CountIn(dir.File("c.db"), "SELECT count(*) FROM outbox_waiting") == 1);
  Consumers service(dir.File("c.db"), order.Flags(/*order_feed=*/false));
  CHECK(order.Verdicts(1)[0].key() == "o1");
}

}  // namespace
}  // namespace lockstep::test
