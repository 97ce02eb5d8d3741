#include "common/control/service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"

namespace lockstep::control {
namespace {

grpc::Status Answer(const Status& status) { return rpc::ToGrpcStatus(status, nullptr); }

// What of a fault does not depend on the server's methods; the injector checks the rest.
StatusOr<std::vector<fault::Rule>> ReadRules(const v1::SetFaultsRequest& request) {
  Violations violations;
  std::vector<fault::Rule> rules;
  // One rule too many is for the injector to refuse; more need not be looked at.
  for (int i = 0; i < request.faults_size() && i <= limits::kFaultsMax; ++i) {
    const v1::Fault& fault = request.faults(i);
    violations.RequireText(fmt::format("faults[{}].method", i), fault.method(),
                           limits::kMethodNameBytesMax);
    if (!rpc::IsWellFormed(fault.fixed_delay())) {
      violations.Add(fmt::format("faults[{}].fixed_delay", i),
                     "must have nanos within a second and of the sign of its seconds");
    }
    rules.push_back(
        {.method = fault.method(), .fixed_delay = rpc::ToDuration(fault.fixed_delay())});
  }
  if (!violations.empty()) return violations.ToStatus();
  return rules;
}

Status RequireMessageId(const std::string& message_id) {
  Violations violations;
  violations.RequireText("message_id", message_id, limits::kMessageIdBytesMax);
  return violations.ToStatus();
}

// The request as the port gets it: with what an unset field stands for.
StatusOr<v1::ListMessagesRequest> ReadListMessages(v1::ListMessagesRequest request) {
  using message::v1::StoredMessage;
  Violations violations;
  if (!StoredMessage::Box_IsValid(request.box()))
    violations.Add(
        "box", fmt::format("must be a box by its name, is {}", static_cast<int>(request.box())));
  violations.RequireRange("page_size", request.page_size(), 0, limits::kPageSizeMax);
  violations.RequireText("destination", request.destination(), limits::kDestinationBytesMax,
                         Violations::Empty::kAllowed);
  violations.RequireText("message_id", request.message_id(), limits::kMessageIdBytesMax,
                         Violations::Empty::kAllowed);
  if (!violations.empty()) return violations.ToStatus();
  if (request.box() == StoredMessage::BOX_UNSPECIFIED)
    request.set_box(StoredMessage::BOX_DEAD_LETTERS);
  if (request.page_size() == 0) request.set_page_size(limits::kPageSizeDefault);
  return request;
}

}  // namespace

grpc::Status ControlService::GetSettings(grpc::ServerContext* /*context*/,
                                         const v1::GetSettingsRequest* /*request*/,
                                         v1::Settings* response) {
  *response = *settings_.Get();
  return grpc::Status::OK;
}

grpc::Status ControlService::UpdateSettings(grpc::ServerContext* /*context*/,
                                            const v1::UpdateSettingsRequest* request,
                                            v1::Settings* response) {
  const StatusOr<v1::Settings> settings =
      settings_.Update(request->settings(), request->update_mask());
  if (!settings.ok()) return Answer(settings.status());
  log::Info("settings_changed",
            {{"fields", fmt::format("{}", fmt::join(request->update_mask().paths(), ","))}});
  *response = *settings;
  return grpc::Status::OK;
}

grpc::Status ControlService::SetFaults(grpc::ServerContext* /*context*/,
                                       const v1::SetFaultsRequest* request,
                                       v1::ListFaultsResponse* response) {
  const StatusOr<std::vector<fault::Rule>> rules = ReadRules(*request);
  if (!rules.ok()) return Answer(rules.status());
  const Status set = faults_.Set(*rules, "faults");
  if (!set.ok()) return Answer(set);
  log::Info("faults_set", {{"faults", static_cast<int>(rules->size())}});
  ReadFaults(*response);
  return grpc::Status::OK;
}

grpc::Status ControlService::ListFaults(grpc::ServerContext* /*context*/,
                                        const v1::ListFaultsRequest* /*request*/,
                                        v1::ListFaultsResponse* response) {
  ReadFaults(*response);
  return grpc::Status::OK;
}

grpc::Status ControlService::ClearFaults(grpc::ServerContext* /*context*/,
                                         const v1::ClearFaultsRequest* /*request*/,
                                         v1::ListFaultsResponse* response) {
  const Status cleared = faults_.Set({}, "faults");
  if (!cleared.ok()) return Answer(cleared);
  log::Info("faults_set", {{"faults", 0}});
  ReadFaults(*response);
  return grpc::Status::OK;
}

grpc::Status ControlService::GetLedger(grpc::ServerContext* /*context*/,
                                       const v1::GetLedgerRequest* /*request*/,
                                       v1::Ledger* response) {
  *response = ledger_.Read();
  return grpc::Status::OK;
}

grpc::Status ControlService::ResetLedger(grpc::ServerContext* /*context*/,
                                         const v1::ResetLedgerRequest* /*request*/,
                                         v1::Ledger* response) {
  *response = ledger_.Reset();
  return grpc::Status::OK;
}

grpc::Status ControlService::ListCalls(grpc::ServerContext* /*context*/,
                                       const v1::ListCallsRequest* request,
                                       v1::ListCallsResponse* response) {
  Violations violations;
  violations.RequireRange("page_size", request->page_size(), 0, limits::kPageSizeMax);
  if (!violations.empty()) return Answer(violations.ToStatus());
  const int page_size = request->page_size() == 0 ? limits::kPageSizeDefault : request->page_size();
  response->set_total(calls_.now());
  const std::vector<rpc::CallTable::Description> calls =
      calls_.List(static_cast<std::size_t>(page_size));
  const SteadyTime now = clock_.Now();
  for (const rpc::CallTable::Description& call : calls) {
    v1::Call& out = *response->add_calls();
    out.set_method(call.method);
    out.set_peer(call.peer);
    rpc::SetTime(call.arrival_wall, out.mutable_arrival_time());
    rpc::SetDuration(now - call.arrival, out.mutable_age());
    // The server's own limit is no deadline of the call: there is nobody who would stop waiting.
    if (call.deadline_from_caller && call.deadline.is_finite())
      rpc::SetDuration(call.deadline.Remaining(now), out.mutable_budget_left());
    out.set_cancelled(call.cancelled);
    out.set_shell(call.shell);
  }
  return grpc::Status::OK;
}

template <class Response>
grpc::Status ControlService::AskMessages(const std::function<StatusOr<Response>(MessagePort&)>& ask,
                                         Response* response) {
  const std::shared_lock lock(messages_mutex_);
  if (messages_closed_) {
    return Answer(MakeError(StatusCode::kUnavailable, "STOPPING",
                            "the server is stopping; its messages can no longer be looked at"));
  }
  if (messages_ == nullptr) {
    return Answer(MakeError(StatusCode::kUnimplemented, "NO_MESSAGES",
                            "this server neither sends nor takes messages; ask one that does"));
  }
  StatusOr<Response> answer = ask(*messages_);
  if (!answer.ok()) return Answer(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

grpc::Status ControlService::GetBacklog(grpc::ServerContext* /*context*/,
                                        const v1::GetBacklogRequest* /*request*/,
                                        message::v1::Backlog* response) {
  return AskMessages<message::v1::Backlog>([](MessagePort& port) { return port.GetBacklog(); },
                                           response);
}

grpc::Status ControlService::ListMessages(grpc::ServerContext* /*context*/,
                                          const v1::ListMessagesRequest* request,
                                          v1::ListMessagesResponse* response) {
  const StatusOr<v1::ListMessagesRequest> read = ReadListMessages(*request);
  if (!read.ok()) return Answer(read.status());
  return AskMessages<v1::ListMessagesResponse>(
      [&read](MessagePort& port) { return port.ListMessages(*read); }, response);
}

grpc::Status ControlService::RedriveMessage(grpc::ServerContext* /*context*/,
                                            const v1::RedriveMessageRequest* request,
                                            message::v1::StoredMessage* response) {
  const Status valid = RequireMessageId(request->message_id());
  if (!valid.ok()) return Answer(valid);
  const grpc::Status status = AskMessages<message::v1::StoredMessage>(
      [request](MessagePort& port) { return port.Redrive(request->message_id()); }, response);
  if (status.ok()) log::Info("message_redriven", {{"message_id", request->message_id()}});
  return status;
}

grpc::Status ControlService::DropMessage(grpc::ServerContext* /*context*/,
                                         const v1::DropMessageRequest* request,
                                         message::v1::StoredMessage* response) {
  const Status valid = RequireMessageId(request->message_id());
  if (!valid.ok()) return Answer(valid);
  const grpc::Status status = AskMessages<message::v1::StoredMessage>(
      [request](MessagePort& port) { return port.Drop(request->message_id()); }, response);
  if (status.ok()) log::Info("message_dropped", {{"message_id", request->message_id()}});
  return status;
}

void ControlService::UseMessages(MessagePort& messages) {
  const std::lock_guard lock(messages_mutex_);
  messages_ = &messages;
}

void ControlService::CloseMessages() {
  const std::lock_guard lock(messages_mutex_);
  messages_closed_ = true;
  messages_ = nullptr;
}

void ControlService::ReadFaults(v1::ListFaultsResponse& response) const {
  for (const fault::Rule& rule : faults_.List()) {
    v1::Fault& fault = *response.add_faults();
    fault.set_method(rule.method);
    rpc::SetDuration(rule.fixed_delay, fault.mutable_fixed_delay());
    fault.set_fired(rule.fired);
  }
}

}  // namespace lockstep::control
