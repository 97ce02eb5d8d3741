#include "common/message/envelope.h"

#include <fmt/format.h>

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"

namespace lockstep::message {
namespace {

constexpr std::size_t kErrorBytesMax = 500;  // kept with a message
constexpr int kTypeVersion = 1;              // of every type so far

}  // namespace

Status CheckEnvelope(const v1::Envelope& envelope) {
  using enum Violations::Empty;
  Violations violations;
  violations.RequireText("message_id", envelope.message_id(), limits::kMessageIdBytesMax);
  violations.RequireText("type", envelope.type(), limits::kMessageTypeBytesMax);
  violations.RequireRange("type_version", envelope.type_version(), 1, limits::kTypeVersionMax);
  violations.RequireText("key", envelope.key(), limits::kMessageIdBytesMax, kAllowed);
  violations.RequireText("correlation_id", envelope.correlation_id(), limits::kMessageIdBytesMax,
                         kAllowed);
  violations.RequireText("reply_to", envelope.reply_to(), limits::kDestinationBytesMax, kAllowed);
  violations.RequireText("trace_parent", envelope.trace_parent(), limits::kMessageIdBytesMax,
                         kAllowed);
  if (envelope.payload().size() > limits::kEnvelopePayloadBytesMax) {
    violations.Add("payload",
                   fmt::format("must have at most {} bytes, has {}",
                               limits::kEnvelopePayloadBytesMax, envelope.payload().size()));
  }
  return violations.ToStatus();
}

Status ReadPayload(const v1::Envelope& envelope, google::protobuf::Message& payload) {
  if (envelope.type_version() != kTypeVersion) {
    return MakeError(
        StatusCode::kInvalidArgument, "MESSAGE_VERSION_UNKNOWN",
        fmt::format("type_version of {} must be {}, is {}: send that, or update this service",
                    envelope.type(), kTypeVersion, envelope.type_version()));
  }
  if (payload.ParseFromString(envelope.payload())) return OkStatus();
  return MakeError(StatusCode::kInvalidArgument, "MESSAGE_MALFORMED",
                   fmt::format("payload of message {} is no serialised {}: send what its type says",
                               envelope.message_id(), envelope.type()));
}

const std::string& OrderKeyOf(const v1::Envelope& envelope) {
  return envelope.key().empty() ? envelope.message_id() : envelope.key();
}

bool IsExpired(const v1::Envelope& envelope, WallTime now) {
  return envelope.has_expire_time() && rpc::ToTime(envelope.expire_time()) <= now;
}

bool CostsATry(const Status& refusal) {
  const std::string reason = DetailOf(refusal).reason;
  if (reason == kKeyHeldBack || reason == "BUDGET_GONE" || reason == "STOPPING") return false;
  // The receiver's file is full, locked or busy. A broken constraint (INTERNAL) is the message's.
  return !(refusal.code() == StatusCode::kUnavailable && reason.starts_with("STORE_")) &&
         reason != "STORE_QUEUE_FULL";
}

void SetStatus(const Status& status, google::rpc::Status* out) {
  out->Clear();
  if (status.ok()) return;
  const grpc::Status wire = rpc::ToGrpcStatus(status, nullptr);
  if (wire.error_details().empty() || !out->ParseFromString(wire.error_details())) {
    out->set_message(wire.error_message());
  }
  out->set_code(wire.error_code());
}

Status ToStatus(const google::rpc::Status& in) {
  if (in.code() == 0) return OkStatus();
  return rpc::FromGrpcStatus(
      grpc::Status(static_cast<grpc::StatusCode>(in.code()), in.message(), in.SerializeAsString()));
}

std::string ErrorText(const Status& status) {
  const std::string reason = DetailOf(status).reason;
  std::string text = CodeName(status.code());
  if (!reason.empty() && reason != text) text += " " + reason;
  text += ": " + MessageOf(status);
  if (text.size() <= kErrorBytesMax) return text;
  std::size_t end = kErrorBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace lockstep::message
