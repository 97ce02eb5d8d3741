// What Order does with messages that come in: those that it cannot read leave nothing, and outcomes
// for callers expire.
#include "order/service/message_desk.h"

#include <future>

#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/message/outbox.h"
#include "common/rpc/proto_values.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/order/v1/order.pb.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {
namespace {

using message::v1::Envelope;

constexpr char kCaller[] = "127.0.0.1:9";

struct Desk {
  test::TempDir directory;
  std::unique_ptr<SqliteOrderStore> store =
      SqliteOrderStore::Open(directory.File("order.db"), {}).value();
  MessageDesk desk{*store};
  fault::Injector faults;
  message::Mailbox mailbox{store->file(), faults, desk.handlers()};

  // What becomes of a message: the reason of its refusal, or nothing.
  std::string Take(Envelope envelope) {
    std::promise<Status> taken;
    mailbox.Take(
        {std::move(envelope)}, Deadline::Never(),
        [&taken](const std::vector<message::Taken>& all) { taken.set_value(all.at(0).status); });
    return DetailOf(taken.get_future().get()).reason;
  }

  // The first column of each row.
  std::vector<std::string> Column(const std::string& sql) {
    auto database = *store::Database::Open(directory.File("order.db"), store::Mode::kReadOnly);
    std::vector<std::string> rows;
    store::Statement row = database->Prepare(sql);
    while (row.Step()) rows.emplace_back(row.Bytes(0));
    REQUIRE(row.Finish().ok());
    return rows;
  }
};

Envelope NewMessage(const google::protobuf::Message& payload, const std::string& correlation_id) {
  Envelope envelope = message::MakeEnvelope(payload.GetTypeName(), payload.SerializeAsString(),
                                            "key", correlation_id, Clock::Real().WallNow());
  envelope.set_reply_to(kCaller);
  return envelope;
}

v1::CreateOrderRequest Request() {
  v1::CreateOrderRequest request;
  request.set_request_id("friday-1");
  request.set_consumer_id("ann");
  request.set_restaurant_id("corner");
  auto* line = request.add_lines();
  line->set_menu_item_id("soup");
  line->set_quantity(2);
  request.mutable_delivery_address()->set_street("1 Mill Lane");
  request.mutable_delivery_address()->set_city("Cambridge");
  request.mutable_delivery_address()->set_postal_code("CB2 1RX");
  return request;
}

TEST_CASE(
    "an order of another version of its type, or that is none, is refused and leaves nothing") {
  Desk desk;
  Envelope envelope = NewMessage(Request(), "friday-1");
  envelope.set_type_version(2);
  CHECK(desk.Take(envelope) == "MESSAGE_VERSION_UNKNOWN");
  envelope.set_type_version(1);
  envelope.set_payload("\xff");
  CHECK(desk.Take(envelope) == "MESSAGE_MALFORMED");
  CHECK(desk.Column("SELECT request_id FROM orders").empty());
  CHECK(desk.Column("SELECT message_id FROM inbox").empty());
  CHECK(desk.Take(NewMessage(Request(), "friday-1")).empty());
  CHECK(desk.Column("SELECT request_id FROM orders") == std::vector<std::string>{"friday-1"});
}

TEST_CASE(
    "a verdict of another version of its type is refused, and the order still waits for one") {
  Desk desk;
  REQUIRE(desk.Take(NewMessage(Request(), "friday-1")).empty());
  const std::string id = desk.Column("SELECT key FROM outbox").at(0);
  consumer::v1::ConsumerValidated said;
  said.mutable_verdict()->set_order_id(id);
  said.mutable_verdict()->set_consumer_id("ann");
  said.mutable_verdict()->set_accepted(true);
  said.mutable_verdict()->mutable_order_limit()->set_currency_code("GBP");
  said.mutable_verdict()->mutable_order_limit()->set_units(100);
  Envelope verdict = NewMessage(said, id);
  verdict.set_type_version(2);
  const std::string judged = "SELECT order_id FROM orders WHERE consumer_accepted IS NOT NULL";
  CHECK(desk.Take(verdict) == "MESSAGE_VERSION_UNKNOWN");
  CHECK(desk.Column(judged).empty());
  verdict.set_type_version(1);
  CHECK(desk.Take(verdict).empty());
  CHECK(desk.Column(judged).size() == 1);
}

TEST_CASE("an outcome for a caller expires, a question to a peer does not") {
  Desk desk;
  v1::CreateOrderRequest wrong = Request();
  wrong.clear_lines();
  REQUIRE(desk.Take(NewMessage(Request(), "friday-1")).empty());
  REQUIRE(desk.Take(NewMessage(wrong, "friday-2")).empty());
  int outcomes = 0;
  for (const std::string& bytes : desk.Column("SELECT envelope FROM outbox")) {
    Envelope sent;
    REQUIRE(sent.ParseFromString(bytes));
    const bool is_outcome = sent.type() == "lockstep.order.v1.OrderOutcome";
    outcomes += is_outcome ? 1 : 0;
    REQUIRE(sent.has_expire_time() == is_outcome);
    if (!is_outcome) continue;
    CHECK(rpc::ToTime(sent.expire_time()) - rpc::ToTime(sent.send_time()) ==
          limits::kCallerMessageExpiry);
  }
  CHECK(outcomes == 1);
  CHECK(desk.Column("SELECT key FROM outbox").size() == 3);
}

}  // namespace
}  // namespace lockstep::order
