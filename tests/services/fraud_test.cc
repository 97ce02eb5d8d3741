// The chain behind a payment: who is asked, under which deadline, what the receipt says of it, and
// what a suspicion does, on the path and beforehand.
#include "tests/services/accounts.h"
#include "tests/services/delivery.h"
#include "tests/services/order_peer.h"
#include "tests/support/wait.h"

namespace lockstep::test {
namespace {

using control::v1::ConsumerSettings;

void Set(Bank& bank, const ConsumerSettings& consumer, const std::string& field) {
  control::v1::Settings settings;
  *settings.mutable_consumer() = consumer;
  google::protobuf::FieldMask mask;
  mask.add_paths("consumer." + field);
  REQUIRE(bank.service.settings().Update(settings, mask).ok());
}

void ScoreBeforehand(Bank& bank) {
  ConsumerSettings settings;
  settings.set_fraud_check(control::v1::FRAUD_CHECK_BEFOREHAND);
  Set(bank, settings, "fraud_check");
}

Duration BudgetOf(const call::v1::Receipt& receipt) { return rpc::ToDuration(receipt.budget()); }

// One payment of 40 pounds, and 70 of a penny: another of 40 is more than 50 times the average.
void PaySmallSums(Bank& bank) {
  REQUIRE(bank.Pay("big", 40) == "AUTHORIZED");
  REQUIRE(bank.Take("big") == "CAPTURED");
  for (int i = 0; i < 70; ++i) {
    auto penny = Authorize("penny" + std::to_string(i), 0);
    penny.mutable_amount()->set_nanos(10'000'000);
    REQUIRE(bank.State(&AccountStub::AuthorizePayment, penny) == "AUTHORIZED");
  }
}

TEST_CASE("the receipt of a payment holds the whole chain behind it, each budget within the last") {
  Bank bank;
  const auto paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("o1", 5));
  REQUIRE(paid.ok());
  const call::v1::Receipt& payment = paid->receipt();
  CHECK(payment.method() == "lockstep.consumer.v1.AccountService/AuthorizePayment");
  CHECK(payment.deadline_policy() == call::v1::DEADLINE_POLICY_PROPAGATE);
  CHECK(payment.commit().batch() >= 1);
  REQUIRE(payment.calls_size() == 1);
  CHECK(payment.calls(0).peer() == "fraud");
  const call::v1::Receipt& fraud = payment.calls(0).receipt();
  CHECK(fraud.method() == "lockstep.consumer.v1.FraudService/Score");
  REQUIRE(fraud.calls_size() == 1);
  CHECK(fraud.calls(0).peer() == "customer");
  const call::v1::Receipt& customer = fraud.calls(0).receipt();
  CHECK(customer.method() == "lockstep.consumer.v1.CustomerService/GetHistory");
  CHECK(customer.calls_size() == 0);
  CHECK(BudgetOf(payment) <= 20s + 200ms);  // as the client's gRPC rounds it
  CHECK(BudgetOf(fraud) <= BudgetOf(payment));
  CHECK(BudgetOf(customer) <= BudgetOf(fraud));
  CHECK(BudgetOf(customer) > 15s);
  CHECK(rpc::ToDuration(payment.calls(0).duration()) > rpc::ToDuration(fraud.total()));
  CHECK(fraud.budget_source() == call::v1::BUDGET_SOURCE_CALLER);
}

TEST_CASE("the settings say what the chain gets of the budget") {
  Bank bank;
  ConsumerSettings settings;
  settings.set_deadline_policy(call::v1::DEADLINE_POLICY_NONE);
  Set(bank, settings, "deadline_policy");
  auto paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("o1", 5));
  REQUIRE(paid.ok());
  CHECK_FALSE(paid->receipt().calls(0).has_deadline_sent());
  CHECK(paid->receipt().calls(0).receipt().budget_source() == call::v1::BUDGET_SOURCE_SERVER_LIMIT);
  settings.set_deadline_policy(call::v1::DEADLINE_POLICY_RESERVE);
  rpc::SetDuration(10s, settings.mutable_reserve());
  Set(bank, settings, "deadline_policy");
  Set(bank, settings, "reserve");
  paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("o2", 5));
  // 20 s less a reserve of 10 s for the payment, and again for the score: nothing is left.
  CHECK(Said(paid) == "DEADLINE_EXCEEDED DOWNSTREAM_DEADLINE_EXCEEDED");
  settings.set_deadline_policy(call::v1::DEADLINE_POLICY_FIXED);
  rpc::SetDuration(3s, settings.mutable_fraud_timeout());
  rpc::SetDuration(2s, settings.mutable_customer_timeout());
  for (const char* field : {"deadline_policy", "fraud_timeout", "customer_timeout"}) {
    Set(bank, settings, field);
  }
  paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("o3", 5));
  REQUIRE(paid.ok());
  const call::v1::Receipt& fraud = paid->receipt().calls(0).receipt();
  CHECK(BudgetOf(fraud) <= 3s);
  CHECK(BudgetOf(fraud) > 2s);
  CHECK(BudgetOf(fraud.calls(0).receipt()) <= 2s);
  CHECK(BudgetOf(fraud.calls(0).receipt()) > 1s);
}

TEST_CASE("a suspicion refuses a payment, and never one that stands already") {
  Bank bank;
  PaySmallSums(bank);
  CHECK(bank.Pay("another", 40) == "FAILED_PRECONDITION FRAUD_SUSPECTED");
  CHECK(bank.Pay("another", 20) == "AUTHORIZED");
  CHECK(bank.Pay("big", 40) == "CAPTURED");  // repeated
  CHECK(bank.Undo("big", true) == "VOIDED");
  bank.CheckedLedger();
}

TEST_CASE("without its peers a payment is neither authorised nor refused") {
  owner::OwnerFlags flags = Consumers::Alone();
  SECTION("the peer fraud") { flags.peers["fraud"] = {"127.0.0.1:1"}; }
  SECTION("the peer customer") { flags.peers["customer"] = {"127.0.0.1:1"}; }
  Bank bank(flags);
  const auto paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("o1", 5));
  CHECK(Said(paid) == "UNAVAILABLE DOWNSTREAM_UNAVAILABLE");
  CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  ScoreBeforehand(bank);
  CHECK(bank.Pay("o1", 5) == "AUTHORIZED");
}

TEST_CASE("scored beforehand, a payment asks nobody, and who is suspected is marked for a while") {
  const TempDir dir;
  OrderPeer order(dir.File("o.db"));
  Bank bank(order.Flags(/*order_feed=*/false));
  PaySmallSums(bank);
  ScoreBeforehand(bank);
  const auto paid = bank.Call(&AccountStub::AuthorizePayment, Authorize("first", 40));
  REQUIRE(paid.ok());
  CHECK(paid->receipt().calls_size() == 0);
  bank.service.service().Tick();
  int nth = 0;
  const bool marked = Eventually([&] {
    return bank.Pay("o" + std::to_string(nth++), 0) == "FAILED_PRECONDITION FRAUD_SUSPECTED";
  });
  CHECK(marked);
  CHECK(bank.Pay("first", 40) == "AUTHORIZED");  // repeated
  const auto command = Authorize<cv1::AuthorizePayment>("by-message", 1);
  CHECK(Deliver(bank.service.address(), {Question(command, "by-message")}) ==
        std::vector<std::string>{"taken"});
  CHECK(PayloadOf<cv1::PaymentAuthorized>(order.Verdicts(1)[0]).refusal().reason() ==
        "FRAUD_SUSPECTED");
}

}  // namespace
}  // namespace lockstep::test
