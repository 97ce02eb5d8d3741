// ControlService on a real server, by its generated client: answers, and errors with the field
// named.
#include "common/control/service.h"

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/rpc/channel.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/server.h"
#include "common/rpc/status_details.h"
#include "tests/support/catch.h"

namespace lockstep::control {
namespace {

using std::chrono_literals::operator""ms;
using Fields = std::vector<std::string>;

constexpr char kMethod[] = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";
constexpr char kOther[] = "lockstep.consumer.v1.ConsumerService/GetConsumer";

struct FakeCall final : rpc::CallTable::Entry {
  rpc::CallTable::Description description;
  rpc::CallTable::Description Describe() const override { return description; }
};

class Control {
 public:
  explicit Control(bool faults_allowed = true) : faults_(faults_allowed) {
    faults_.AddSite(kMethod);
    faults_.AddSite(kOther);
    grpc::ServerBuilder builder;
    const rpc::Listener listener(builder, "127.0.0.1:0");
    builder.RegisterService(&service_);
    auto server = listener.Built(builder.BuildAndStart());
    REQUIRE(server.ok());
    server_ = *std::move(server);
    stub_ =
        v1::ControlService::NewStub(rpc::MakeChannel(listener.address(), {.own_connection = true}));
  }

  rpc::CallTable& calls() { return calls_; }
  Ledger& ledger() { return ledger_; }
  const ManualClock& clock() const { return clock_; }
  ControlService& service() { return service_; }
  v1::ControlService::Stub& stub() { return *stub_; }

  template <class Request, class Response>
  Status Ask(grpc::Status (v1::ControlService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
             const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    response.Clear();
    return rpc::FromGrpcStatus((*stub_.*method)(&context, request, &response));
  }

 private:
  ManualClock clock_;
  rpc::CallTable calls_;
  SettingsBoard settings_{DefaultSettings()};
  fault::Injector faults_;
  Ledger ledger_{"test", calls_, clock_};
  ControlService service_{settings_, faults_, ledger_, calls_, clock_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ControlService::Stub> stub_;
};

Fields FieldsOf(const Status& status) {
  Fields fields;
  for (const FieldViolation& violation : DetailOf(status).violations)
    fields.push_back(violation.field);
  return fields;
}

using Stub = v1::ControlService::Stub;

TEST_CASE("settings are read and changed through the service") {
  Control control;
  v1::Settings settings;
  REQUIRE(control.Ask(&Stub::GetSettings, v1::GetSettingsRequest(), settings).ok());
  CHECK(settings.drop_expired());
  CHECK(settings.calls_in_flight_max() == limits::kCallsInFlightDefault);
  CHECK(!settings.has_order());

  v1::UpdateSettingsRequest request;
  request.mutable_settings()->set_calls_in_flight_max(7);
  request.mutable_update_mask()->add_paths("calls_in_flight_max");
  REQUIRE(control.Ask(&Stub::UpdateSettings, request, settings).ok());
  CHECK(settings.calls_in_flight_max() == 7);
  CHECK(settings.drop_expired());  // not named, and false in the request

  request.mutable_settings()->set_calls_in_flight_max(0);
  request.mutable_update_mask()->add_paths("drop_expired");
  const Status refused = control.Ask(&Stub::UpdateSettings, request, settings);
  CHECK(refused.code() == StatusCode::kInvalidArgument);
  CHECK(DetailOf(refused).reason == "INVALID_REQUEST");
  CHECK(FieldsOf(refused) == Fields{"settings.calls_in_flight_max"});
  REQUIRE(control.Ask(&Stub::GetSettings, v1::GetSettingsRequest(), settings).ok());
  CHECK(settings.calls_in_flight_max() == 7);
  CHECK(settings.drop_expired());
}

v1::SetFaultsRequest Faults(const std::vector<std::string>& methods, Duration delay = 5ms) {
  v1::SetFaultsRequest request;
  for (const std::string& method : methods) {
    v1::Fault& fault = *request.add_faults();
    fault.set_method(method);
    rpc::SetDuration(delay, fault.mutable_fixed_delay());
  }
  return request;
}

TEST_CASE("faults are set, listed and cleared as a whole") {
  Control control;
  v1::ListFaultsResponse faults;
  REQUIRE(control.Ask(&Stub::SetFaults, Faults({kOther, kMethod}), faults).ok());
  REQUIRE(faults.faults_size() == 2);
  CHECK(faults.faults(0).method() == kOther);
  CHECK(rpc::ToDuration(faults.faults(1).fixed_delay()) == 5ms);
  REQUIRE(control.Ask(&Stub::SetFaults, Faults({kMethod}, 7ms), faults).ok());
  CHECK(faults.faults_size() == 1);

  struct Case {
    v1::SetFaultsRequest request;
    Fields fields;
  };
  std::vector<Case> cases = {
      {Faults({kOther, "lockstep.x.v1.X/Y"}), {"faults[1].method"}},
      {Faults({""}), {"faults[0].method"}},
      {Faults({std::string(limits::kMethodNameBytesMax + 1, 'a')}), {"faults[0].method"}},
      {Faults({kOther, kOther}), {"faults[1].method"}},
      {Faults({kMethod}, Duration::zero()), {"faults[0].fixed_delay"}},
      {Faults({kMethod}, limits::kTimeoutMax + Duration(1)), {"faults[0].fixed_delay"}},
      {Faults(std::vector<std::string>(limits::kFaultsMax + 1, kMethod)), {"faults"}},
      {Faults(std::vector<std::string>(5000, kMethod)), {"faults"}},
  };
  v1::SetFaultsRequest ill_formed = Faults({kMethod});
  ill_formed.mutable_faults(0)->mutable_fixed_delay()->set_nanos(1'000'000'000);
  cases.push_back({ill_formed, {"faults[0].fixed_delay"}});
  for (const Case& one : cases) {
    INFO(one.request.ShortDebugString().substr(0, 300));
    const Status refused = control.Ask(&Stub::SetFaults, one.request, faults);
    CHECK(refused.code() == StatusCode::kInvalidArgument);
    CHECK(FieldsOf(refused) == one.fields);
  }
  REQUIRE(control.Ask(&Stub::SetFaults, Faults({kMethod}, limits::kTimeoutMax), faults).ok());

  REQUIRE(control.Ask(&Stub::ListFaults, v1::ListFaultsRequest(), faults).ok());
  REQUIRE(faults.faults_size() == 1);
  REQUIRE(control.Ask(&Stub::ClearFaults, v1::ClearFaultsRequest(), faults).ok());
  CHECK(faults.faults_size() == 0);
  REQUIRE(control.Ask(&Stub::ListFaults, v1::ListFaultsRequest(), faults).ok());
  CHECK(faults.faults_size() == 0);
}

TEST_CASE("a server that was started without faults refuses them") {
  Control control(/*faults_allowed=*/false);
  v1::ListFaultsResponse faults;
  const Status refused = control.Ask(&Stub::SetFaults, Faults({kMethod}), faults);
  CHECK(refused.code() == StatusCode::kFailedPrecondition);
  CHECK(DetailOf(refused).reason == "FAULTS_DISABLED");
  CHECK(control.Ask(&Stub::ClearFaults, v1::ClearFaultsRequest(), faults).ok());
}

TEST_CASE("the ledger is read and reset through the service") {
  Control control;
  const std::string method = kMethod;
  control.ledger().Ended({.method = method, .code = StatusCode::kOk, .took = 3ms, .begun = true});
  v1::Ledger ledger;
  REQUIRE(control.Ask(&Stub::GetLedger, v1::GetLedgerRequest(), ledger).ok());
  CHECK(ledger.useful().count() == 1);
  REQUIRE(control.Ask(&Stub::ResetLedger, v1::ResetLedgerRequest(), ledger).ok());
  CHECK(ledger.useful().count() == 1);
  REQUIRE(control.Ask(&Stub::GetLedger, v1::GetLedgerRequest(), ledger).ok());
  CHECK(ledger.useful().count() == 0);
}

TEST_CASE("calls under way are listed, the oldest first, with what is left of their deadlines") {
  Control control;
  const SteadyTime now = control.clock().Now();
  const WallTime wall = control.clock().WallNow();
  std::vector<std::unique_ptr<FakeCall>> calls;
  for (int i = 0; i < limits::kPageSizeMax + 5; ++i) {
    calls.push_back(std::make_unique<FakeCall>());
    calls.back()->description = {.method = i == 0 ? kMethod : kOther,
                                 .peer = "ipv4:127.0.0.1:1",
                                 .arrival = now - 30ms,
                                 .arrival_wall = wall - 30ms,
                                 .deadline = Deadline::At(now + (i == 1 ? -10ms : 70ms)),
                                 .deadline_from_caller = i != 2,
                                 .cancelled = i == 3,
                                 .shell = call::v1::SHELL_POOL};
    control.calls().Add(*calls.back());
  }
  v1::ListCallsResponse listed;
  v1::ListCallsRequest request;
  REQUIRE(control.Ask(&Stub::ListCalls, request, listed).ok());
  REQUIRE(listed.calls_size() == limits::kPageSizeDefault);
  CHECK(listed.total() == limits::kPageSizeMax + 5);
  CHECK(listed.calls(0).method() == kMethod);
  CHECK(listed.calls(0).peer() == "ipv4:127.0.0.1:1");
  CHECK(rpc::ToTime(listed.calls(0).arrival_time()) == wall - 30ms);
  CHECK(rpc::ToDuration(listed.calls(0).age()) == 30ms);
  CHECK(rpc::ToDuration(listed.calls(0).budget_left()) == 70ms);
  CHECK(listed.calls(0).shell() == call::v1::SHELL_POOL);
  CHECK(!listed.calls(0).cancelled());
  CHECK(rpc::ToDuration(listed.calls(1).budget_left()) == -10ms);
  CHECK(!listed.calls(2).has_budget_left());  // the server's own limit is no deadline of the call
  CHECK(listed.calls(3).cancelled());

  for (const auto& [size, expected] :
       std::vector<std::pair<int, int>>{{1, 1}, {limits::kPageSizeMax, limits::kPageSizeMax}}) {
    request.set_page_size(size);
    REQUIRE(control.Ask(&Stub::ListCalls, request, listed).ok());
    CHECK(listed.calls_size() == expected);
  }
  for (const int size : {-1, limits::kPageSizeMax + 1}) {
    request.set_page_size(size);
    CHECK(FieldsOf(control.Ask(&Stub::ListCalls, request, listed)) == Fields{"page_size"});
  }
}

// A service's boxes with nothing in them; notes what it was asked.
class EmptyBoxes final : public MessagePort {
 public:
  StatusOr<message::v1::Backlog> GetBacklog() override {
    message::v1::Backlog backlog;
    backlog.set_dead_letters(3);
    return backlog;
  }
  StatusOr<v1::ListMessagesResponse> ListMessages(const v1::ListMessagesRequest& request) override {
    asked = request;
    v1::ListMessagesResponse response;
    response.set_total(3);
    return response;
  }
  StatusOr<message::v1::StoredMessage> Redrive(const std::string& message_id) override {
    return Find("redrive " + message_id);
  }
  StatusOr<message::v1::StoredMessage> Drop(const std::string& message_id) override {
    return Find("drop " + message_id);
  }

  v1::ListMessagesRequest asked;

 private:
  StatusOr<message::v1::StoredMessage> Find(const std::string& what) {
    if (what.find("known") == std::string::npos)
      return MakeError(StatusCode::kNotFound, "MESSAGE_UNKNOWN", "there is no such message");
    message::v1::StoredMessage message;
    message.set_error(what);
    return message;
  }
};

// Asks each of the four methods for messages, with requests that stand.
std::vector<Status> AskForMessages(Control& control) {
  message::v1::Backlog backlog;
  v1::ListMessagesResponse listed;
  message::v1::StoredMessage message;
  v1::RedriveMessageRequest redrive;
  redrive.set_message_id("known");
  v1::DropMessageRequest drop;
  drop.set_message_id("known");
  return {control.Ask(&Stub::GetBacklog, v1::GetBacklogRequest(), backlog),
          control.Ask(&Stub::ListMessages, v1::ListMessagesRequest(), listed),
          control.Ask(&Stub::RedriveMessage, redrive, message),
          control.Ask(&Stub::DropMessage, drop, message)};
}

TEST_CASE("messages are looked at through the port of the service") {
  using message::v1::StoredMessage;
  EmptyBoxes boxes;
  Control control;
  control.service().UseMessages(boxes);

  message::v1::Backlog backlog;
  REQUIRE(control.Ask(&Stub::GetBacklog, v1::GetBacklogRequest(), backlog).ok());
  CHECK(backlog.dead_letters() == 3);

  v1::ListMessagesResponse listed;
  v1::ListMessagesRequest list;
  REQUIRE(control.Ask(&Stub::ListMessages, list, listed).ok());
  CHECK(listed.total() == 3);
  CHECK(boxes.asked.box() == StoredMessage::BOX_DEAD_LETTERS);
  CHECK(boxes.asked.page_size() == limits::kPageSizeDefault);
  list.set_box(StoredMessage::BOX_OUTBOX);
  list.set_page_size(limits::kPageSizeMax);
  list.set_destination("consumer");
  list.set_message_id("m-1");
  REQUIRE(control.Ask(&Stub::ListMessages, list, listed).ok());
  CHECK(boxes.asked.SerializeAsString() == list.SerializeAsString());
  list.set_box(static_cast<StoredMessage::Box>(9));
  list.set_page_size(limits::kPageSizeMax + 1);
  list.set_destination(std::string(limits::kDestinationBytesMax + 1, 'a'));
  list.set_message_id("a\nb");
  CHECK(FieldsOf(control.Ask(&Stub::ListMessages, list, listed)) ==
        Fields{"box", "page_size", "destination", "message_id"});

  StoredMessage message;
  v1::RedriveMessageRequest redrive;
  CHECK(FieldsOf(control.Ask(&Stub::RedriveMessage, redrive, message)) == Fields{"message_id"});
  redrive.set_message_id("known");
  REQUIRE(control.Ask(&Stub::RedriveMessage, redrive, message).ok());
  CHECK(message.error() == "redrive known");
  v1::DropMessageRequest drop;
  CHECK(FieldsOf(control.Ask(&Stub::DropMessage, drop, message)) == Fields{"message_id"});
  drop.set_message_id("known");
  REQUIRE(control.Ask(&Stub::DropMessage, drop, message).ok());
  CHECK(message.error() == "drop known");
  drop.set_message_id("other");
  const Status unknown = control.Ask(&Stub::DropMessage, drop, message);
  CHECK(unknown.code() == StatusCode::kNotFound);
  CHECK(DetailOf(unknown).reason == "MESSAGE_UNKNOWN");
}

TEST_CASE("a server without messages says so, and one that stops lets go of them") {
  Control control;
  for (const Status& status : AskForMessages(control)) {
    CHECK(status.code() == StatusCode::kUnimplemented);
    CHECK(DetailOf(status).reason == "NO_MESSAGES");
  }
  EmptyBoxes boxes;
  control.service().UseMessages(boxes);
  for (const Status& status : AskForMessages(control)) CHECK(status.ok());
  control.service().CloseMessages();
  for (const Status& status : AskForMessages(control)) {
    CHECK(status.code() == StatusCode::kUnavailable);
    CHECK(DetailOf(status).reason == "STOPPING");
  }
}

}  // namespace
}  // namespace lockstep::control
