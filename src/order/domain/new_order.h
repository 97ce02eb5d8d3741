// An order as its caller asks for it, and how it wants it taken: what is allowed, and what makes
// two requests the same. Values; pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/deadline.h"
#include "common/base/status.h"
#include "common/base/validate.h"
#include "order/domain/step.h"
#include "order/domain/verdict.h"

namespace lockstep::order {

struct Address {
  std::string street;
  std::string city;
  std::string postal_code;
  friend bool operator==(const Address&, const Address&) = default;
};

struct NewOrder {
  std::string request_id;  // empty: not repeatable
  std::string consumer_id;
  std::string restaurant_id;
  std::vector<OrderLine> lines;
  Address delivery_address;
  PaymentMethod payment_method = PaymentMethod::kCash;
  friend bool operator==(const NewOrder&, const NewOrder&) = default;
};

// How Order learns the two verdicts. Each style is one row of the table in order/styles.
enum class Style { kBlocking, kNonBlocking, kReplica, kDeferred, kEventDriven, kCommonData };

// "NON_BLOCKING", as the protos name it without their prefix.
std::string_view StyleName(Style style);
std::optional<Style> StyleFromName(std::string_view name);

// How one order is to be taken; what is not set falls back to the server's settings.
struct OrderOptions {
  std::optional<Style> style;
  std::optional<DeadlinePolicy> deadline_policy;
  std::optional<Duration> consumer_timeout;    // above zero, at most limits::kTimeoutMax
  std::optional<Duration> restaurant_timeout;  // above zero, at most limits::kTimeoutMax
  std::optional<Duration> reserve;             // zero or more, at most limits::kTimeoutMax
  std::optional<bool> wait_for_ready;
  bool wait_for_final = false;
  friend bool operator==(const OrderOptions&, const OrderOptions&) = default;
};

// Adds what is wrong, with the field paths of CreateOrderRequest.
void Validate(const NewOrder& order, Violations& violations);
void Validate(const OrderOptions& options, Violations& violations);

// 32 hexadecimal digits that tell whether two requests ask for the same: all fields of the order
// but its request id, under which the fingerprint is kept. It is stored, so it must never change.
//
// It is the 128-bit FNV-1a hash of the fields one after the other, each with its length before it
// ("3:abc"), the lines with their number before them, so that no two orders are written alike. How
// it is paid is one more field where it is not CASH, which was the only way when the first
// fingerprints were stored. FNV
// can be made to collide on purpose; whoever does so gets the outcome of an earlier order of their
// own in place of ALREADY_EXISTS, and nobody else is concerned. By chance, two of N orders collide
// with a probability of N²/2^129.
std::string Fingerprint(const NewOrder& order);

// ALREADY_EXISTS, reason REQUEST_ID_REUSED: two requests with one id have different fingerprints.
Status RequestIdReused(const std::string& request_id, const std::string& order_id);

}  // namespace lockstep::order
