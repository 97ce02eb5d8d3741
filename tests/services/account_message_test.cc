// Accounts by messages: the same commands, each with one effect however often it comes, and answers
// where one is wanted.
#include "tests/services/accounts.h"
#include "tests/services/delivery.h"
#include "tests/services/order_peer.h"

namespace lockstep::test {
namespace {

using message::v1::Envelope;
using Outcomes = std::vector<std::string>;

template <typename Payload>
Envelope Command(const Payload& payload) {
  return Question(payload, payload.order_id());
}

struct BankByMessage {
  TempDir dir;
  OrderPeer order{dir.File("o.db")};
  Bank bank{order.Flags(/*order_feed=*/false)};

  Outcomes Send(const std::vector<Envelope>& envelopes) {
    return Deliver(bank.service.address(), envelopes);
  }
};

TEST_CASE("an order is paid for and brings points by messages, each once however often it comes") {
  BankByMessage by;
  const Envelope authorize = Command(Authorize<cv1::AuthorizePayment>("o1", 30));
  const Envelope capture = Command(Capture<cv1::CapturePayment>("o1"));
  const Envelope award = Command(Award<cv1::AwardPoints>("o1", 30));
  CHECK(by.Send({authorize, capture, award}) == Outcomes{"taken", "taken", "taken"});
  CHECK(by.Send({authorize, capture, award}) == Outcomes{"duplicate", "duplicate", "duplicate"});
  // The same in other messages.
  CHECK(by.Send({Command(Capture<cv1::CapturePayment>("o1")),
                 Command(Award<cv1::AwardPoints>("o1", 30))}) == Outcomes{"taken", "taken"});
  CHECK(by.bank.Stands() == "70 balance, 0 held, 120 available, 30 points");
  const auto authorized = PayloadOf<cv1::PaymentAuthorized>(by.order.Verdicts(1)[0]);
  CHECK(authorized.order_id() == "o1");
  CHECK(authorized.payment().state() == cv1::Payment::STATE_AUTHORIZED);
  CHECK(by.Send({Command(Void<cv1::VoidPayment>("o1"))}) ==
        Outcomes{"FAILED_PRECONDITION PAYMENT_CAPTURED"});
  CHECK(by.Send({Command(Void<cv1::VoidPayment>("o1", true))}) == Outcomes{"taken"});
  CHECK(by.bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
  CHECK(by.order.verdicts() == 1);
  by.bank.CheckedLedger();
}

TEST_CASE("what cannot be authorised or captured is answered with the reason") {
  BankByMessage by;
  CHECK(by.Send({Command(Authorize<cv1::AuthorizePayment>("o1", 151)),
                 Command(Capture<cv1::CapturePayment>("o2")), Command(Void<cv1::VoidPayment>("o3")),
                 Command(Authorize<cv1::AuthorizePayment>("o3", 1))}) ==
        Outcomes{"taken", "taken", "taken", "taken"});
  std::map<std::string, std::string> reasons;
  for (const Envelope& answer : by.order.Verdicts(3)) {
    reasons[answer.key()] = answer.type().ends_with("PaymentAuthorized")
                                ? PayloadOf<cv1::PaymentAuthorized>(answer).refusal().reason()
                                : PayloadOf<cv1::PaymentNotCaptured>(answer).refusal().reason();
  }
  CHECK(reasons == std::map<std::string, std::string>{{"o1", "INSUFFICIENT_FUNDS"},
                                                      {"o2", "PAYMENT_UNKNOWN"},
                                                      {"o3", "PAYMENT_VOIDED"}});
}

TEST_CASE("points of an order of CASH come and go by messages") {
  BankByMessage by;
  CHECK(by.Send({Command(Award<cv1::AwardPoints>("o1", 9))}) == Outcomes{"taken"});
  CHECK(by.bank.Stands() == "100 balance, 0 held, 150 available, 9 points");
  CHECK(by.Send({Command(Revoke<cv1::RevokePoints>("o1"))}) == Outcomes{"taken"});
  CHECK(by.Send({Command(Award<cv1::AwardPoints>("o1", 9))}) == Outcomes{"taken"});
  CHECK(by.bank.Stands() == "100 balance, 0 held, 150 available, 0 points");
}

}  // namespace
}  // namespace lockstep::test
