// ConsumerService as a client sees it: each call, each refusal with its reason, and what stands
// after a restart.
#include "tests/services/consumers.h"

namespace lockstep::test {
namespace {

TEST_CASE("Consumer: a consumer is created, read, changed and read again") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  const auto created = service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"));
  REQUIRE(Said(created) == "OK");
  CHECK(created->consumer_id() == "c1");
  CHECK(created->state() == cv1::Consumer::STATE_ACTIVE);
  CHECK(created->version() == 1);
  CHECK(created->create_time().seconds() > 1'600'000'000);
  CHECK(created->create_time().SerializeAsString() == created->update_time().SerializeAsString());

  auto update = Rename("c1", "Ann B.", 1);
  update.mutable_consumer()->set_state(cv1::Consumer::STATE_SUSPENDED);
  update.mutable_update_mask()->add_paths("state");
  SetPounds(7, update.mutable_consumer()->mutable_order_limit());  // not in the mask
  const auto updated = service.Call(&ConsumerStub::UpdateConsumer, update);
  REQUIRE(Said(updated) == "OK");
  CHECK(updated->display_name() == "Ann B.");
  CHECK(updated->state() == cv1::Consumer::STATE_SUSPENDED);
  CHECK(updated->order_limit().units() == 50);
  CHECK(updated->version() == 2);
  CHECK(updated->create_time().SerializeAsString() == created->create_time().SerializeAsString());

  const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"));
  REQUIRE(Said(read) == "OK");
  CHECK(read->SerializeAsString() == updated->SerializeAsString());

  // What changes nothing makes no version.
  const auto same = service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Ann B."));
  REQUIRE(Said(same) == "OK");
  CHECK(same->SerializeAsString() == updated->SerializeAsString());
}

TEST_CASE("Consumer: a consumer without an id gets one of the server's") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  const auto first = service.Call(&ConsumerStub::CreateConsumer, NewConsumer("", "Ann"));
  const auto second = service.Call(&ConsumerStub::CreateConsumer, NewConsumer("", "Ann"));
  REQUIRE(Said(first) == "OK");
  REQUIRE(Said(second) == "OK");
  CHECK(first->consumer_id().size() == 36);
  CHECK(first->consumer_id() < second->consumer_id());
}

TEST_CASE("Consumer: what is not there, is taken, or has moved on is refused with its reason") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  const auto unknown = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c2"));
  CHECK(Said(unknown) == "NOT_FOUND CONSUMER_UNKNOWN");
  CHECK(DetailOf(unknown.status()).metadata.at("consumer_id") == "c2");
  CHECK(Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c2", "Bob"))) ==
        "NOT_FOUND CONSUMER_UNKNOWN");
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Bob"))) ==
        "ALREADY_EXISTS CONSUMER_ID_TAKEN");
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann", 51))) ==
        "ALREADY_EXISTS CONSUMER_ID_TAKEN");
  CHECK(Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c1", "Bob", 2))) ==
        "ABORTED VERSION_MISMATCH");
  const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"));
  REQUIRE(read.ok());
  CHECK(read->display_name() == "Ann");
  CHECK(read->version() == 1);
}

TEST_CASE(
    "Consumer: creating the same again is answered with what is there, and counted as a "
    "duplicate") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  const auto first = service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"));
  auto again = NewConsumer("c1", "Ann");
  again.mutable_consumer()->set_state(cv1::Consumer::STATE_ACTIVE);  // the default, said aloud
  again.mutable_consumer()->set_version(77);                         // which is ignored
  const auto second = service.Call(&ConsumerStub::CreateConsumer, again);
  REQUIRE(Said(first) == "OK");
  REQUIRE(Said(second) == "OK");
  CHECK(first->SerializeAsString() == second->SerializeAsString());
  CHECK(service.ledger().Read().duplicates().count() == 1);
}

TEST_CASE("Consumer: verdicts: accepted with the limit, or each reason") {
  using Verdict = cv1::ConsumerVerdict;
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann", 50)).ok());
  const auto judge = [&](const cv1::ValidateConsumerRequest& request) {
    const auto answer = service.Call(&ConsumerStub::ValidateConsumer, request);
    REQUIRE(Said(answer) == "OK");
    CHECK(answer->verdict().order_id() == request.order_id());
    CHECK(answer->verdict().consumer_id() == request.consumer_id());
    CHECK(answer->verdict().node() == "here");
    CHECK(answer->verdict().accepted() == (answer->verdict().refusals_size() == 0));
    CHECK(answer->receipt().node() == "here");
    CHECK(answer->receipt().method() == "lockstep.consumer.v1.ConsumerService/ValidateConsumer");
    return answer->verdict();
  };
  const Verdict accepted = judge(MayOrder("c1"));
  CHECK(accepted.accepted());
  CHECK(accepted.order_limit().units() == 50);
  CHECK(accepted.consumer_version() == 1);

  auto priced = MayOrder("c1");
  SetPounds(50, priced.mutable_order_total());
  CHECK(judge(priced).accepted());
  SetPounds(50, priced.mutable_order_total(), 1);
  const Verdict dear = judge(priced);
  REQUIRE(dear.refusals_size() == 1);
  CHECK(dear.refusals(0).reason() == Verdict::REASON_ORDER_LIMIT_EXCEEDED);
  CHECK_FALSE(dear.has_order_limit());
  priced.mutable_order_total()->set_currency_code("EUR");
  CHECK(judge(priced).refusals(0).reason() == Verdict::REASON_CURRENCY_MISMATCH);

  const Verdict unknown = judge(MayOrder("c2"));
  REQUIRE(unknown.refusals_size() == 1);
  CHECK(unknown.refusals(0).reason() == Verdict::REASON_CONSUMER_UNKNOWN);
  CHECK(unknown.consumer_version() == 0);

  cv1::UpdateConsumerRequest suspend;
  suspend.mutable_consumer()->set_consumer_id("c1");
  suspend.mutable_consumer()->set_state(cv1::Consumer::STATE_SUSPENDED);
  suspend.mutable_update_mask()->add_paths("state");
  REQUIRE(service.Call(&ConsumerStub::UpdateConsumer, suspend).ok());
  const Verdict suspended = judge(MayOrder("c1"));
  REQUIRE(suspended.refusals_size() == 1);
  CHECK(suspended.refusals(0).reason() == Verdict::REASON_CONSUMER_SUSPENDED);
  CHECK(suspended.consumer_version() == 2);
}

TEST_CASE("Consumer: a restart keeps every consumer, byte for byte") {
  const TempDir dir;
  std::vector<std::string> before;
  {
    Consumers service(dir.File("c.db"));
    for (int i = 0; i < 20; ++i) {
      const std::string id = "c" + std::to_string(i);
      REQUIRE(
          service.Call(&ConsumerStub::CreateConsumer, NewConsumer(id, "Ann " + id, i + 1)).ok());
      if (i % 3 == 0) {
        REQUIRE(
            service.Call(&ConsumerStub::UpdateConsumer, Rename(id, "Zoë \xF0\x9F\x8D\x9C")).ok());
      }
      const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer(id));
      REQUIRE(read.ok());
      before.push_back(read->SerializeAsString());
    }
  }
  Consumers service(dir.File("c.db"));
  for (int i = 0; i < 20; ++i) {
    const std::string id = "c" + std::to_string(i);
    const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer(id));
    REQUIRE(Said(read) == "OK");
    CHECK(read->SerializeAsString() == before[static_cast<std::size_t>(i)]);
  }
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann c1", 2))) == "OK");
  CHECK(Said(service.Call(&ConsumerStub::UpdateConsumer, Rename("c0", "Later", 2))) == "OK");
}

// --- bad input: each case with the field that it names

struct BadNew {
  const char* what;
  const char* field;  // after "consumer."; empty: it is accepted
  void (*spoil)(cv1::Consumer&);
};

const BadNew kBadNew[] = {
    {"id of 64", "", [](auto& c) { c.set_consumer_id(std::string(64, 'a')); }},
    {"id of 65", "consumer_id", [](auto& c) { c.set_consumer_id(std::string(65, 'a')); }},
    {"id in capitals", "consumer_id", [](auto& c) { c.set_consumer_id("C1"); }},
    {"id with a space", "consumer_id", [](auto& c) { c.set_consumer_id("c 1"); }},
    {"name missing", "display_name", [](auto& c) { c.clear_display_name(); }},
    {"name of 200", "", [](auto& c) { c.set_display_name(std::string(200, 'n')); }},
    {"name of 201", "display_name", [](auto& c) { c.set_display_name(std::string(201, 'n')); }},
    {"name with a line end", "display_name", [](auto& c) { c.set_display_name("a\nb"); }},
    {"unknown state", "state", [](auto& c) { c.set_state(static_cast<cv1::Consumer::State>(9)); }},
    {"negative state", "state",
     [](auto& c) { c.set_state(static_cast<cv1::Consumer::State>(-1)); }},
    {"limit missing", "order_limit", [](auto& c) { c.clear_order_limit(); }},
    {"limit of nothing", "order_limit", [](auto& c) { SetPounds(0, c.mutable_order_limit()); }},
    {"limit of a billionth", "", [](auto& c) { SetPounds(0, c.mutable_order_limit(), 1); }},
    {"limit below zero", "order_limit", [](auto& c) { SetPounds(-1, c.mutable_order_limit()); }},
    {"limit at the most", "", [](auto& c) { SetPounds(9'000'000'000, c.mutable_order_limit()); }},
    {"limit past the most", "order_limit",
     [](auto& c) { SetPounds(9'000'000'000, c.mutable_order_limit(), 1); }},
    {"limit without currency", "order_limit",
     [](auto& c) { c.mutable_order_limit()->clear_currency_code(); }},
    {"limit in small letters", "order_limit",
     [](auto& c) { c.mutable_order_limit()->set_currency_code("gbp"); }},
    {"nanos past a unit", "order_limit",
     [](auto& c) { SetPounds(1, c.mutable_order_limit(), 1'000'000'000); }},
    {"signs that differ", "order_limit",
     [](auto& c) { SetPounds(1, c.mutable_order_limit(), -1); }},
};

TEST_CASE("Consumer: a new consumer that cannot be is refused, and the field is named") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  int accepted = 0;
  for (const BadNew& bad : kBadNew) {
    INFO(bad.what);
    auto request = NewConsumer("c" + std::to_string(&bad - kBadNew), "Ann");
    bad.spoil(*request.mutable_consumer());
    const std::string field = bad.field;
    CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, request)) ==
          (field.empty() ? "OK" : "INVALID_ARGUMENT INVALID_REQUEST consumer." + field));
    accepted += field.empty() ? 1 : 0;
  }
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, cv1::CreateConsumerRequest())) ==
        "INVALID_ARGUMENT INVALID_REQUEST consumer.display_name consumer.order_limit");
  const auto page = service.Call(&ConsumerStub::ListConsumers, cv1::ListConsumersRequest());
  REQUIRE(page.ok());
  CHECK(page->consumers_size() == accepted);  // what was refused is not there
}

TEST_CASE("Consumer: an update that cannot be is refused, and the field is named") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
  const auto said = [&](const cv1::UpdateConsumerRequest& request) {
    return Said(service.Call(&ConsumerStub::UpdateConsumer, request));
  };
  const std::string bad = "INVALID_ARGUMENT INVALID_REQUEST ";
  CHECK(said({}) == bad + "consumer.consumer_id update_mask");
  CHECK(said(Rename("", "Ann")) == bad + "consumer.consumer_id");
  CHECK(said(Rename("c1", "")) == bad + "consumer.display_name");
  CHECK(said(Rename("c1", "Ann", -1)) == bad + "expected_version");
  auto masked = Rename("c1", "Ann");
  masked.mutable_update_mask()->add_paths("version");
  CHECK(said(masked) == bad + "update_mask");
  masked = Rename("c1", "Bob");
  masked.mutable_update_mask()->set_paths(0, "order_limit");
  CHECK(said(masked) == bad + "consumer.order_limit");
  SetPounds(1, masked.mutable_consumer()->mutable_order_limit(), -1);
  CHECK(said(masked) == bad + "consumer.order_limit");
  masked.mutable_update_mask()->set_paths(0, "state");
  CHECK(said(masked) == bad + "consumer.state");
  const auto read = service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"));
  REQUIRE(read.ok());
  CHECK(read->version() == 1);
}

TEST_CASE("Consumer: a question that cannot be is refused, and the field is named") {
  const TempDir dir;
  Consumers service(dir.File("c.db"));
  const auto said = [&](const cv1::ValidateConsumerRequest& request) {
    return Said(service.Call(&ConsumerStub::ValidateConsumer, request));
  };
  const std::string bad = "INVALID_ARGUMENT INVALID_REQUEST ";
  CHECK(said({}) == bad + "order_id consumer_id");
  CHECK(said(MayOrder("")) == bad + "consumer_id");
  CHECK(said(MayOrder(std::string(65, 'c'))) == bad + "consumer_id");
  auto priced = MayOrder("c1");
  SetPounds(-1, priced.mutable_order_total());
  CHECK(said(priced) == bad + "order_total");
  priced.mutable_order_total()->set_currency_code("POUND");
  CHECK(said(priced) == bad + "order_total");
  priced.mutable_order_total()->Clear();
  CHECK(said(priced) == bad + "order_total");
  CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer("C1"))) == bad + "consumer_id");
}

}  // namespace
}  // namespace lockstep::test
