#include "order/domain/new_order.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "common/base/limits.h"
#include "order/domain/fnv.h"

namespace lockstep::order {

std::string_view StyleName(Style style) {
  switch (style) {
    case Style::kBlocking:
      return "BLOCKING";
    case Style::kNonBlocking:
      return "NON_BLOCKING";
    case Style::kReplica:
      return "REPLICA";
    case Style::kDeferred:
      return "DEFERRED";
    case Style::kEventDriven:
      return "EVENT_DRIVEN";
    case Style::kCommonData:
      return "COMMON_DATA";
  }
  return "UNSPECIFIED";
}

std::optional<Style> StyleFromName(std::string_view name) {
  for (const Style style : {Style::kBlocking, Style::kNonBlocking, Style::kReplica,
                            Style::kDeferred, Style::kEventDriven, Style::kCommonData}) {
    if (StyleName(style) == name) return style;
  }
  return std::nullopt;
}

void Validate(const NewOrder& order, Violations& violations) {
  if (!order.request_id.empty()) violations.RequireRequestId("request_id", order.request_id);
  violations.RequireId("consumer_id", order.consumer_id);
  violations.RequireId("restaurant_id", order.restaurant_id);
  const std::size_t lines = order.lines.size();
  if (lines < 1 || lines > limits::kOrderLinesMax) {
    violations.Add("lines",
                   fmt::format("must be 1 to {} lines, are {}", limits::kOrderLinesMax, lines));
  } else {
    for (std::size_t i = 0; i < lines; ++i) {
      const OrderLine& line = order.lines[i];
      // The paths are written only for a line that needs them: this runs for every order.
      Violations found;
      found.RequireId("menu_item_id", line.menu_item_id);
      found.RequireRange("quantity", line.quantity, 1, limits::kQuantityMax);
      if (!found.empty()) violations.AddAll(fmt::format("lines[{}].", i), found);
    }
  }
  const Address& address = order.delivery_address;
  violations.RequireText("delivery_address.street", address.street, limits::kStreetBytesMax);
  violations.RequireText("delivery_address.city", address.city, limits::kCityBytesMax);
  violations.RequireText("delivery_address.postal_code", address.postal_code,
                         limits::kPostalCodeBytesMax);
}

void Validate(const OrderOptions& options, Violations& violations) {
  if (options.consumer_timeout) {
    violations.RequireTimeout("options.consumer_timeout", *options.consumer_timeout);
  }
  if (options.restaurant_timeout) {
    violations.RequireTimeout("options.restaurant_timeout", *options.restaurant_timeout);
  }
  if (!options.reserve) return;
  const Duration reserve = *options.reserve;
  if (reserve < Duration::zero() || reserve > limits::kTimeoutMax) {
    violations.Add("options.reserve",
                   fmt::format("must be 0s to {}, is {}", DurationText(limits::kTimeoutMax),
                               DurationText(reserve)));
  }
}

Status RequestIdReused(const std::string& request_id, const std::string& order_id) {
  ErrorDetail detail;
  detail.reason = "REQUEST_ID_REUSED";
  detail.metadata = {{"request_id", request_id}, {"order_id", order_id}};
  return MakeError(
      StatusCode::kAlreadyExists,
      fmt::format("request_id \"{}\" was used for another order, {}; use a new one for each order",
                  request_id, order_id),
      std::move(detail));
}

std::string Fingerprint(const NewOrder& order) {
  Fnv128 hash;
  const auto put_size = [&hash](std::size_t size) {
    const fmt::format_int digits(size);
    hash.Add({digits.data(), digits.size()});
    hash.Add(":");
  };
  const auto put = [&](std::string_view text) {
    put_size(text.size());
    hash.Add(text);
  };
  put(order.consumer_id);
  put(order.restaurant_id);
  put_size(order.lines.size());
  for (const OrderLine& line : order.lines) {
    put(line.menu_item_id);
    const fmt::format_int digits(line.quantity);
    put({digits.data(), digits.size()});
  }
  put(order.delivery_address.street);
  put(order.delivery_address.city);
  put(order.delivery_address.postal_code);
  if (order.payment_method != PaymentMethod::kCash) put("ACCOUNT");
  return hash.Hex();
}

}  // namespace lockstep::order
