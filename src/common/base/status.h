// Errors as values, with what a program needs to act on them. The one place from which the rest
// takes Abseil's Status, StatusOr and AnyInvocable (Debian 12's absl::string_view is not
// std::string_view; nothing else of Abseil is used).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lockstep {

using absl::AnyInvocable;
using absl::OkStatus;
using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

// One field of a request that cannot be accepted, and the remedy.
struct FieldViolation {
  std::string field;        // the path as the caller wrote it: "lines[2].quantity"
  std::string description;  // "must be 1 to 1000, is 0"
  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;
};

// What travels with an error beside its code and message.
struct ErrorDetail {
  std::string reason;                           // UPPER_SNAKE, stable: "REQUEST_ID_REUSED"
  std::map<std::string, std::string> metadata;  // {"order_id", "…"}
  std::vector<FieldViolation> violations;       // of INVALID_ARGUMENT
  std::vector<FieldViolation> preconditions;    // of FAILED_PRECONDITION: field is the subject
  std::optional<std::chrono::milliseconds> retry_after;
  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

// An error that carries detail. The message says what, where and what to do.
Status MakeError(StatusCode code, std::string message, ErrorDetail detail);

// The same for the common case of a reason alone.
Status MakeError(StatusCode code, std::string reason, std::string message);

// INVALID_ARGUMENT, reason INVALID_REQUEST, naming each field; OK if there is no violation.
Status InvalidRequest(std::vector<FieldViolation> violations);

// What the error carries; empty where it carries nothing.
ErrorDetail DetailOf(const Status& status);

// The message as a std::string, which fmt can print.
std::string MessageOf(const Status& status);

// "INVALID_ARGUMENT", as gRPC names it.
std::string CodeName(StatusCode code);

}  // namespace lockstep
