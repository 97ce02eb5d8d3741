// Accounts by calls: what is put in, set aside, taken and given back; repeated, refused, at once;
// and a ledger that always adds up.
#include <atomic>

#include "tests/services/accounts.h"
#include "tests/services/order_peer.h"

namespace lockstep::test {
namespace {

constexpr std::int64_t kPound = 1'000'000'000;

TEST_CASE("money is authorised, captured and paid back, and each step repeated changes nothing") {
  Bank bank;
  for (int i = 0; i < 2; ++i) {
    CHECK(bank.Pay("o1", 30) == "AUTHORIZED");
    CHECK(bank.Stands() == "100 balance, 30 held, 120 available, 0 points");
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(bank.Take("o1") == "CAPTURED");
    CHECK(bank.Stands() == "70 balance, 0 held, 120 available, 0 points");
  }
  CHECK(bank.Pay("o1", 30) == "CAPTURED");
  CHECK(bank.Undo("o1") == "FAILED_PRECONDITION PAYMENT_CAPTURED");
  CHECK(bank.CheckedLedger()["sales"] == 30 * kPound);
  for (int i = 0; i < 2; ++i) {
    CHECK(bank.Undo("o1", true) == "VOIDED");
    CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  }
  CHECK(bank.Pay("o1", 30) == "FAILED_PRECONDITION PAYMENT_VOIDED");
  CHECK(bank.Take("o1") == "FAILED_PRECONDITION PAYMENT_VOIDED");
  REQUIRE(bank.Pay("o2", 150) == "AUTHORIZED");
  CHECK(bank.Undo("o2") == "VOIDED");
  CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  auto sums = bank.CheckedLedger();
  CHECK(sums["sales"] == 0);
  CHECK(sums["deposits"] == -100 * kPound);
  // Deposit, twice authorised, captured, twice voided; two entries each.
  CHECK(CountIn(bank.dir.File("c.db"), "SELECT count(*) FROM ledger") == 12);
}

TEST_CASE("a payment is borne by balance and credit, and by nothing else") {
  Bank bank;
  CHECK(bank.Pay("o1", 151) == "FAILED_PRECONDITION INSUFFICIENT_FUNDS");
  CHECK(bank.Pay("o1", 150) == "AUTHORIZED");  // asked again, it may succeed
  CHECK(bank.Pay("o2", 1) == "FAILED_PRECONDITION INSUFFICIENT_FUNDS");
  CHECK(bank.Take("o1") == "CAPTURED");
  CHECK(bank.Stands() == "-50 balance, 0 held, 0 available, 0 points");
  CHECK(bank.Pay("free", 0) == "AUTHORIZED");
  CHECK(bank.Take("free") == "CAPTURED");
  CHECK(bank.Pay("o3", 1, "c2") == "FAILED_PRECONDITION NO_ACCOUNT");
  auto foreign = Authorize("o4", 1);
  foreign.mutable_amount()->set_currency_code("EUR");
  CHECK(bank.State(&AccountStub::AuthorizePayment, foreign) ==
        "FAILED_PRECONDITION CURRENCY_MISMATCH");
  auto refused = bank.Call(&AccountStub::AuthorizePayment, Authorize("o5", 3));
  CHECK(MessageOf(refused.status()) ==
        "order o5 costs 3.00 GBP, consumer c1 has 0.00 GBP available; deposit more, or order less");
  bank.CheckedLedger();
}

TEST_CASE("a void that comes before its payment refuses it, and the points too") {
  Bank bank;
  for (int i = 0; i < 2; ++i) CHECK(bank.Undo("o1") == "VOIDED");
  CHECK(bank.Pay("o1", 10) == "FAILED_PRECONDITION PAYMENT_VOIDED");
  CHECK(bank.Call(&AccountStub::AwardPoints, Award("o1", 10))->points() == 0);
  CHECK(bank.Take("o2") == "FAILED_PRECONDITION PAYMENT_UNKNOWN");
  CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  const auto listed = bank.Call(&AccountStub::ListPayments, cv1::ListPaymentsRequest());
  REQUIRE(listed.ok());
  CHECK(listed->payments_size() == 0);
}

TEST_CASE("one order has one payment, one deposit id one deposit") {
  Bank bank;
  REQUIRE(bank.service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob")).ok());
  REQUIRE(bank.Open("c2", 0) == "OK");
  REQUIRE(bank.Pay("o1", 10) == "AUTHORIZED");
  CHECK(bank.Pay("o1", 11) == "ALREADY_EXISTS PAYMENT_ID_REUSED");
  CHECK(bank.Pay("o1", 10, "c2") == "ALREADY_EXISTS PAYMENT_ID_REUSED");
  CHECK(bank.State(&AccountStub::CapturePayment, Capture("o1", "c2")) ==
        "ALREADY_EXISTS PAYMENT_ID_REUSED");
  for (int i = 0; i < 2; ++i) {
    const auto account = bank.Call(&AccountStub::Deposit, Deposit("d2", 5));
    REQUIRE(account.ok());
    CHECK(account->balance().units() == 105);
  }
  CHECK(Said(bank.Call(&AccountStub::Deposit, Deposit("d2", 6))) ==
        "ALREADY_EXISTS DEPOSIT_ID_REUSED");
  CHECK(Said(bank.Call(&AccountStub::Deposit, Deposit("d2", 5, "c2"))) ==
        "ALREADY_EXISTS DEPOSIT_ID_REUSED");
  CHECK(bank.CheckedLedger()["deposits"] == -105 * kPound);
}

TEST_CASE("points are awarded once, and revoked with the payment or by themselves") {
  Bank bank;
  const auto points = [&](const auto& answer) { return answer.ok() ? answer->points() : -1; };
  auto total = Award("o1", 12);
  total.mutable_order_total()->set_nanos(990'000'000);
  REQUIRE(bank.Pay("o1", 13) == "AUTHORIZED");
  REQUIRE(bank.Take("o1") == "CAPTURED");
  for (int i = 0; i < 2; ++i) {
    CHECK(points(bank.Call(&AccountStub::AwardPoints, total)) == 12);
    CHECK(bank.Stands() == "87 balance, 0 held, 137 available, 12 points");
  }
  CHECK(Said(bank.Call(&AccountStub::AwardPoints, Award("o1", 13))) ==
        "ALREADY_EXISTS AWARD_ID_REUSED");
  CHECK(points(bank.Call(&AccountStub::AwardPoints, Award("cash", 5))) == 5);
  CHECK(bank.Undo("o1", true) == "VOIDED");
  CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 5 points");
  CHECK(points(bank.Call(&AccountStub::AwardPoints, total)) == 0);
  CHECK(points(bank.Call(&AccountStub::RevokePoints, Revoke("cash"))) == 5);
  CHECK(points(bank.Call(&AccountStub::RevokePoints, Revoke("cash"))) == 0);
  CHECK(points(bank.Call(&AccountStub::RevokePoints, Revoke("later"))) == 0);
  CHECK(points(bank.Call(&AccountStub::AwardPoints, Award("later", 7))) == 0);
  CHECK(points(bank.Call(&AccountStub::AwardPoints, Award("o9", 7, "nobody"))) == 0);
  CHECK(bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  bank.CheckedLedger();
}

TEST_CASE("an account is opened once for a consumer that there is, and its credit can change") {
  Bank bank;
  CHECK(bank.Open("c9", 1) == "FAILED_PRECONDITION CONSUMER_UNKNOWN");
  CHECK(bank.Open("c1", 50) == "OK");
  CHECK(bank.Open("c1", 60) == "ALREADY_EXISTS ACCOUNT_OPEN");
  CHECK(bank.Stands("c9") == "NOT_FOUND ACCOUNT_UNKNOWN");
  const auto credit = [&](std::int64_t pounds, const std::string& currency = "GBP") {
    cv1::UpdateAccountRequest request;
    request.set_consumer_id("c1");
    SetPounds(pounds, request.mutable_credit_limit());
    request.mutable_credit_limit()->set_currency_code(currency);
    return Said(bank.Call(&AccountStub::UpdateAccount, request));
  };
  REQUIRE(bank.Pay("o1", 130) == "AUTHORIZED");
  CHECK(credit(29) == "FAILED_PRECONDITION CREDIT_IN_USE");
  CHECK(credit(30) == "OK");
  CHECK(credit(30, "EUR") == "FAILED_PRECONDITION CURRENCY_MISMATCH");
  CHECK(bank.Stands() == "100 balance, 130 held, 0 available, 0 points");
}

TEST_CASE("what cannot be asked about accounts is refused with the field") {
  Bank bank;
  CHECK(bank.State(&AccountStub::AuthorizePayment, cv1::AuthorizePaymentRequest()) ==
        "INVALID_ARGUMENT INVALID_REQUEST order_id consumer_id amount");
  CHECK(bank.Pay("o1", -1) == "INVALID_ARGUMENT INVALID_REQUEST amount");
  CHECK(Said(bank.Call(&AccountStub::Deposit, Deposit("d3", 0))) ==
        "INVALID_ARGUMENT INVALID_REQUEST amount");
  CHECK(Said(bank.Call(&AccountStub::Deposit, Deposit("d3", limits::kAccountUnitsMax))) ==
        "FAILED_PRECONDITION BALANCE_TOO_LARGE");
  CHECK(bank.Open("c1", limits::kAccountUnitsMax + 1) ==
        "INVALID_ARGUMENT INVALID_REQUEST credit_limit");
  CHECK(Said(bank.Call(&AccountStub::VoidPayment, cv1::VoidPaymentRequest())) ==
        "INVALID_ARGUMENT INVALID_REQUEST order_id consumer_id");
  CHECK(Said(bank.Call(&AccountStub::AwardPoints, Award("o1", -1))) ==
        "INVALID_ARGUMENT INVALID_REQUEST order_total");
  CHECK(bank.Pay("o1", Money::kUnitsMax) == "FAILED_PRECONDITION INSUFFICIENT_FUNDS");
}

TEST_CASE("payments are a list of pages, by state") {
  Bank bank;
  for (const char* order : {"a", "b", "c", "d"}) REQUIRE(bank.Pay(order, 1) == "AUTHORIZED");
  REQUIRE(bank.Take("b") == "CAPTURED");
  cv1::ListPaymentsRequest list;
  list.set_page_size(2);
  list.set_state(cv1::Payment::STATE_AUTHORIZED);
  std::string seen;
  for (;;) {
    const auto page = bank.Call(&AccountStub::ListPayments, list);
    REQUIRE(page.ok());
    for (const auto& payment : page->payments()) seen += payment.order_id();
    seen += '|';
    if (page->next_page_token().empty()) break;
    list.set_page_token(page->next_page_token());
  }
  CHECK(seen == "ac|d|");
}

TEST_CASE("of many payments at once for the last money exactly as many succeed as it bears") {
  Bank bank;
  constexpr int kOrders = 64;
  std::atomic<int> authorised = 0;
  std::atomic<int> refused = 0;
  AtOnce(kOrders, [&](int i) {
    const std::string order = "o" + std::to_string(i);
    bank.Pay(order, 10);
    const std::string said = bank.Pay(order, 10);  // repeated
    authorised += said == "AUTHORIZED" ? 1 : 0;
    refused += said == "FAILED_PRECONDITION INSUFFICIENT_FUNDS" ? 1 : 0;
    if (said == "AUTHORIZED" && i % 2 == 0) bank.Take(order);
  });
  CHECK(authorised == 15);
  CHECK(refused == kOrders - 15);
  const auto sums = bank.CheckedLedger();
  CHECK(sums.at("consumer:c1:available") == -50 * kPound);
}

TEST_CASE("what was undone before it came is forgotten after a retention, nothing else") {
  Bank bank;
  REQUIRE(bank.Undo("never-came") == "VOIDED");
  REQUIRE(bank.Call(&AccountStub::RevokePoints, Revoke("never-came")).ok());
  REQUIRE(bank.Pay("came", 5) == "AUTHORIZED");
  REQUIRE(bank.Undo("came") == "VOIDED");
  const std::string path = bank.dir.File("c.db");
  {
    auto database = *store::Database::Open(path, store::Mode::kReadWrite);
    REQUIRE(database->Execute("UPDATE payments SET update_time = 1").ok());
    REQUIRE(database->Execute("UPDATE awards SET update_time = 1").ok());
  }
  bank.service.service().Tick();
  bank.service.WaitForWriter();
  CHECK(CountIn(path, "SELECT count(*) FROM payments") == 1);
  CHECK(CountIn(path, "SELECT count(*) FROM awards") == 0);
  CHECK(bank.Pay("came", 5) == "FAILED_PRECONDITION PAYMENT_VOIDED");
}

}  // namespace
}  // namespace lockstep::test
