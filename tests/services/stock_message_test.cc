// Stock by messages: the same commands, each with one effect however often it comes, and answers
// where one is wanted.
#include "tests/services/delivery.h"
#include "tests/services/order_peer.h"
#include "tests/services/stocks.h"

namespace lockstep::test {
namespace {

using message::v1::Envelope;
using Outcomes = std::vector<std::string>;

template <typename Payload>
Envelope Command(const Payload& payload) {
  return Question(payload, payload.order_id());
}

struct KitchenByMessage {
  TempDir dir;
  OrderPeer order{dir.File("o.db")};
  Restaurants service{dir.File("r.db"), order.Flags(/*order_feed=*/false)};

  KitchenByMessage() {
    REQUIRE(service.Call(&RestaurantStub::CreateRestaurant, NewRestaurant("r1")).ok());
    REQUIRE(Said(service.Call(&RestaurantStub::SetStock, Stock("i0", 10))) == "OK");
  }
  Outcomes Send(const std::vector<Envelope>& envelopes) {
    return Deliver(service.address(), envelopes);
  }
};

TEST_CASE(
    "an order reserves, confirms and releases by messages, each once however often it comes") {
  KitchenByMessage kitchen;
  const Envelope reserve = Command(Reserve<rv1::ReserveItems>("o1", "i0", 3));
  CHECK(kitchen.Send({reserve}) == Outcomes{"taken"});
  CHECK(kitchen.Send({reserve}) == Outcomes{"duplicate"});
  const Envelope answer = kitchen.order.Verdicts(1)[0];
  CHECK(answer.key() == "o1");
  CHECK(answer.correlation_id() == "about-o1");
  const auto reserved = PayloadOf<rv1::ItemsReserved>(answer);
  CHECK(reserved.order_id() == "o1");
  REQUIRE(reserved.has_reservation());
  CHECK(reserved.reservation().state() == rv1::Reservation::STATE_HELD);
  CHECK(StockOf(kitchen.service, "i0") == "10: 3 reserved, 0 sold, 7 left");
  // The same command in another message is answered again, and has no second effect.
  CHECK(kitchen.Send({Command(Reserve<rv1::ReserveItems>("o1", "i0", 3))}) == Outcomes{"taken"});
  CHECK(PayloadOf<rv1::ItemsReserved>(kitchen.order.Verdicts(2)[1]).has_reservation());
  CHECK(StockOf(kitchen.service, "i0") == "10: 3 reserved, 0 sold, 7 left");

  CHECK(kitchen.Send({Command(Confirm<rv1::ConfirmItems>("o1"))}) == Outcomes{"taken"});
  CHECK(StockOf(kitchen.service, "i0") == "10: 0 reserved, 3 sold, 7 left");
  CHECK(kitchen.Send({Command(Release<rv1::ReleaseItems>("o1"))}) ==
        Outcomes{"FAILED_PRECONDITION RESERVATION_CONFIRMED"});
  CHECK(StockOf(kitchen.service, "i0") == "10: 0 reserved, 3 sold, 7 left");
  CHECK(kitchen.Send({Command(Release<rv1::ReleaseItems>("o1", true))}) == Outcomes{"taken"});
  CHECK(StockOf(kitchen.service, "i0") == "10: 0 reserved, 0 sold, 10 left");
  CHECK(CountIn(kitchen.dir.File("r.db"), "SELECT count(*) FROM outbox") == 2);
}

TEST_CASE("what cannot be reserved or confirmed is answered with the reason") {
  KitchenByMessage kitchen;
  CHECK(kitchen.Send({Command(Reserve<rv1::ReserveItems>("o1", "i0", 11)),
                      Command(Confirm<rv1::ConfirmItems>("o2"))}) == Outcomes{"taken", "taken"});
  std::vector<Envelope> answers = kitchen.order.Verdicts(2);
  if (answers[0].key() != "o1") std::swap(answers[0], answers[1]);
  const auto refused = PayloadOf<rv1::ItemsReserved>(answers[0]);
  CHECK(refused.refusal().reason() == "OUT_OF_STOCK");
  REQUIRE(refused.refusal().shortages_size() == 1);
  CHECK(refused.refusal().shortages(0).menu_item_id() == "i0");
  CHECK(refused.refusal().shortages(0).wanted() == 11);
  CHECK(refused.refusal().shortages(0).left() == 10);
  const auto not_confirmed = PayloadOf<rv1::ItemsNotConfirmed>(answers[1]);
  CHECK(not_confirmed.order_id() == "o2");
  CHECK(not_confirmed.refusal().reason() == "RESERVATION_UNKNOWN");
}

TEST_CASE("a release that overtakes its reservation wins, and an answer needs a place to go") {
  KitchenByMessage kitchen;
  Envelope silent = Command(Release<rv1::ReleaseItems>("o1"));
  silent.clear_reply_to();
  CHECK(kitchen.Send({silent}) == Outcomes{"taken"});
  CHECK(kitchen.Send({Command(Reserve<rv1::ReserveItems>("o1", "i0", 1))}) == Outcomes{"taken"});
  CHECK(PayloadOf<rv1::ItemsReserved>(kitchen.order.Verdicts(1)[0]).refusal().reason() ==
        "RESERVATION_RELEASED");
  Envelope unanswerable = Command(Reserve<rv1::ReserveItems>("o2", "i0", 1));
  unanswerable.clear_reply_to();
  CHECK(kitchen.Send({unanswerable}) == Outcomes{"INVALID_ARGUMENT REPLY_TO_MISSING"});
  CHECK(kitchen.Send({Command(Reserve<rv1::ReserveItems>("o3", "i0", 0))}) ==
        Outcomes{"INVALID_ARGUMENT INVALID_REQUEST"});
  CHECK(StockOf(kitchen.service, "i0") == "10: 0 reserved, 0 sold, 10 left");
}

}  // namespace
}  // namespace lockstep::test
