// Between the messages about stock and its domain. What cannot be turned into a value is a
// violation, with the field path of the request. A command says the same, by fields of the same
// names, as a call's request and as a message. Pure.
#pragma once

#include <string>

#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "restaurant/domain/stock.h"
#include "restaurant/store/stock_table.h"

namespace lockstep::restaurant {

StockChange FromProto(const v1::SetStockRequest& request);

template <typename Said>
ReserveRequest ReserveFrom(const Said& said, Violations& violations) {
  ReserveRequest request;
  request.order_id = said.order_id();
  request.restaurant_id = said.restaurant_id();
  request.lines.reserve(static_cast<std::size_t>(said.lines_size()));
  for (const v1::OrderLine& line : said.lines()) {
    request.lines.push_back({line.menu_item_id(), line.quantity()});
  }
  if (said.has_expire_time()) {
    request.expire_time = rpc::ReadTime(said.expire_time(), "expire_time", violations);
  }
  return request;
}

template <typename Said>
ReleaseRequest ReleaseFrom(const Said& said) {
  return {said.order_id(), said.restaurant_id(), said.after_confirmation()};
}

template <typename Said>
ConfirmRequest ConfirmFrom(const Said& said) {
  return {said.order_id(), said.restaurant_id()};
}

void SetProto(const StockItem& item, v1::StockItem* out);
void SetProto(const Reservation& reservation, v1::Reservation* out);
// Of one that was refused.
void SetProto(const Reserved& refused, v1::ReservationRefusal* out);

}  // namespace lockstep::restaurant
