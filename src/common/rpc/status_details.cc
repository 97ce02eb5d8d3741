#include "common/rpc/status_details.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string_view>

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lockstep::rpc {
namespace {

constexpr int kViolationsShown = static_cast<int>(limits::kViolationsMax);

// What a byte costs in a message, and in the header grpc-message, where all but printable ASCII is
// written as %XX (gRPC's PROTOCOL-HTTP2, "Status-Message").
std::size_t Plain(unsigned char) { return 1; }
std::size_t Encoded(unsigned char byte) {
  return byte >= 0x20 && byte <= 0x7E && byte != '%' ? 1 : 3;
}

// The text if it costs no more than that, or as many of its first characters as do, and "…". What
// is not UTF-8 (a peer's message may be anything) is made ASCII, for proto3 has no string of other
// bytes.
std::string Shortened(std::string text, std::size_t cost_max,
                      std::size_t (*cost)(unsigned char) = Plain) {
  static constexpr std::string_view kMore = "…";
  if (!IsUtf8(text)) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80U; },
        '?');
  }
  const auto total = [cost](std::string_view part) {
    return std::accumulate(
        part.begin(), part.end(), std::size_t{0},
        [cost](std::size_t sum, char c) { return sum + cost(static_cast<unsigned char>(c)); });
  };
  if (total(text) <= cost_max) return text;
  std::size_t fits = 0;
  for (std::size_t used = total(kMore); fits < text.size(); ++fits) {
    used += cost(static_cast<unsigned char>(text[fits]));
    if (used > cost_max) break;
  }
  // Not in the middle of a character: back to the first byte of the one that does not fit.
  while (fits > 0 && (static_cast<unsigned char>(text[fits]) & 0xC0U) == 0x80U) --fits;
  text.resize(fits);
  return text + std::string(kMore);
}

bool Fits(const google::rpc::Status& out, const google::protobuf::Message& detail) {
  constexpr std::size_t kAnyBytes = 64;  // the type's name and the lengths around a detail
  return out.ByteSizeLong() + detail.ByteSizeLong() + kAnyBytes <= limits::kErrorDetailBytesMax;
}

void AddInfo(const Status& status, const ErrorDetail& detail, google::rpc::Status& out) {
  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason.empty() ? CodeName(status.code()) : detail.reason);
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : detail.metadata) {
    (*info.mutable_metadata())[key] = Shortened(value, 200);
    if (!Fits(out, info)) info.mutable_metadata()->erase(key);
  }
  out.add_details()->PackFrom(info);
}

void AddRetry(std::chrono::milliseconds retry_after, google::rpc::Status& out) {
  google::rpc::RetryInfo retry;
  SetDuration(retry_after, retry.mutable_retry_delay());
  out.add_details()->PackFrom(retry);
}

void AddViolations(const ErrorDetail& detail, google::rpc::Status& out) {
  if (!detail.violations.empty()) {
    google::rpc::BadRequest bad_request;
    for (const FieldViolation& violation : detail.violations) {
      if (bad_request.field_violations_size() == kViolationsShown) break;
      auto* shown = bad_request.add_field_violations();
      shown->set_field(Shortened(violation.field, 100));
      shown->set_description(Shortened(violation.description, 200));
      if (Fits(out, bad_request)) continue;
      bad_request.mutable_field_violations()->RemoveLast();
      break;
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
      if (Fits(out, failure)) continue;
      failure.mutable_violations()->RemoveLast();
      break;
    }
    out.add_details()->PackFrom(failure);
  }
}

void AddReceipt(const call::v1::Receipt& receipt, google::rpc::Status& out) {
  if (Fits(out, receipt)) {
    out.add_details()->PackFrom(receipt);
    return;
  }
  call::v1::Receipt shorter = receipt;
  for (call::v1::DownstreamCall& call : *shorter.mutable_calls()) call.clear_receipt();
  if (Fits(out, shorter)) out.add_details()->PackFrom(shorter);
}

}  // namespace

grpc::Status ToGrpcStatus(const Status& status, const call::v1::Receipt* receipt) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetail detail = DetailOf(status);
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(Shortened(MessageOf(status), limits::kErrorMessageBytesMax, Encoded));
  AddInfo(status, detail, out);
  if (detail.retry_after) AddRetry(*detail.retry_after, out);
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
            std::chrono::duration_cast<std::chrono::milliseconds>(ToDuration(retry.retry_delay()));
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
