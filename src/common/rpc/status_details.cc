#include "common/rpc/status_details.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/base/limits.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lockstep::rpc {
namespace {

using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::seconds;

constexpr int kViolationsShown = static_cast<int>(limits::kViolationsMax);

std::string Shortened(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  text.resize(bytes_max);
  // Not in the middle of a UTF-8 sequence.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U)
    text.pop_back();
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0U) text.pop_back();
  return text + "…";
}

void AddViolations(const ErrorDetail& detail, google::rpc::Status& out) {
  if (!detail.violations.empty()) {
    google::rpc::BadRequest bad_request;
    for (const FieldViolation& violation : detail.violations) {
      if (bad_request.field_violations_size() == kViolationsShown) break;
      auto* shown = bad_request.add_field_violations();
      shown->set_field(Shortened(violation.field, 100));
      shown->set_description(Shortened(violation.description, 200));
    }
    out.add_details()->PackFrom(bad_request);
  }
  if (!detail.preconditions.empty()) {
    google::rpc::PreconditionFailure failure;
    for (const FieldViolation& precondition : detail.preconditions) {
      if (failure.violations_size() == kViolationsShown) break;
      auto* shown = failure.add_violations();
      shown->set_type(detail.reason);
      shown->set_subject(Shortened(precondition.field, 100));
      shown->set_description(Shortened(precondition.description, 200));
    }
    out.add_details()->PackFrom(failure);
  }
}

void AddReceipt(const call::v1::Receipt& receipt, google::rpc::Status& out) {
  const auto fits = [&](const call::v1::Receipt& candidate) {
    return out.ByteSizeLong() + candidate.ByteSizeLong() + 64 <= limits::kErrorDetailBytesMax;
  };
  if (fits(receipt)) {
    out.add_details()->PackFrom(receipt);
    return;
  }
  call::v1::Receipt shorter = receipt;
  for (call::v1::DownstreamCall& call : *shorter.mutable_calls()) call.clear_receipt();
  if (fits(shorter)) out.add_details()->PackFrom(shorter);
}

}  // namespace

grpc::Status ToGrpcStatus(const Status& status, const call::v1::Receipt* receipt) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetail detail = DetailOf(status);
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(Shortened(MessageOf(status), 1000));
  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason.empty() ? CodeName(status.code()) : detail.reason);
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : detail.metadata)
    (*info.mutable_metadata())[key] = Shortened(value, 200);
  out.add_details()->PackFrom(info);
  if (detail.retry_after) {
    google::rpc::RetryInfo retry;
    const seconds whole = duration_cast<seconds>(*detail.retry_after);
    retry.mutable_retry_delay()->set_seconds(whole.count());
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int>(std::chrono::nanoseconds(*detail.retry_after - whole).count()));
    out.add_details()->PackFrom(retry);
  }
  AddViolations(detail, out);
  if (receipt != nullptr) AddReceipt(*receipt, out);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), out.message(),
                      out.SerializeAsString());
}

Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  ErrorDetail detail;
  google::rpc::Status in;
  if (in.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : in.details()) {
      google::rpc::ErrorInfo info;
      google::rpc::RetryInfo retry;
      google::rpc::BadRequest bad_request;
      google::rpc::PreconditionFailure failure;
      if (any.UnpackTo(&info)) {
        detail.reason = info.reason();
        detail.metadata = {info.metadata().begin(), info.metadata().end()};
      } else if (any.UnpackTo(&retry)) {
        detail.retry_after =
            duration_cast<milliseconds>(seconds(retry.retry_delay().seconds()) +
                                        std::chrono::nanoseconds(retry.retry_delay().nanos()));
      } else if (any.UnpackTo(&bad_request)) {
        for (const auto& shown : bad_request.field_violations()) {
          detail.violations.push_back({shown.field(), shown.description()});
        }
      } else if (any.UnpackTo(&failure)) {
        for (const auto& shown : failure.violations()) {
          detail.preconditions.push_back({shown.subject(), shown.description()});
        }
      }
    }
  }
  return MakeError(static_cast<StatusCode>(status.error_code()), status.error_message(),
                   std::move(detail));
}

bool ReceiptOf(const grpc::Status& status, call::v1::Receipt& receipt) {
  google::rpc::Status in;
  if (!in.ParseFromString(status.error_details())) return false;
  return std::any_of(in.details().begin(), in.details().end(),
                     [&](const google::protobuf::Any& any) { return any.UnpackTo(&receipt); });
}

}  // namespace lockstep::rpc
