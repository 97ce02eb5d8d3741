#include "restaurant/service/stock_convert.h"

namespace lockstep::restaurant {

StockChange FromProto(const v1::SetStockRequest& request) {
  StockChange change;
  change.restaurant_id = request.restaurant_id();
  for (const v1::SetStockRequest::Item& item : request.items()) {
    StockSetting& setting = change.items.emplace_back();
    setting.menu_item_id = item.menu_item_id();
    if (item.has_stocked()) setting.stocked = item.stocked();
  }
  return change;
}

void SetProto(const StockItem& item, v1::StockItem* out) {
  out->set_restaurant_id(item.restaurant_id);
  out->set_menu_item_id(item.menu_item_id);
  if (item.stocked) out->set_stocked(*item.stocked);
  out->set_reserved(item.reserved);
  out->set_sold(item.sold);
  out->set_left(item.Left());
}

void SetProto(const Reservation& reservation, v1::Reservation* out) {
  out->set_order_id(reservation.order_id);
  out->set_restaurant_id(reservation.restaurant_id);
  for (const ReservedLine& line : reservation.lines) {
    v1::OrderLine* said = out->add_lines();
    said->set_menu_item_id(line.menu_item_id);
    said->set_quantity(line.quantity);
  }
  out->set_state(static_cast<v1::Reservation::State>(reservation.state));
  if (reservation.expire_time != WallTime()) {
    rpc::SetTime(reservation.expire_time, out->mutable_expire_time());
  }
  rpc::SetTime(reservation.create_time, out->mutable_create_time());
  rpc::SetTime(reservation.update_time, out->mutable_update_time());
}

void SetProto(const Reserved& refused, v1::ReservationRefusal* out) {
  out->set_reason(DetailOf(refused.refusal).reason);
  out->set_message(MessageOf(refused.refusal));
  for (const Shortage& shortage : refused.shortages) {
    v1::ReservationRefusal::Shortage* said = out->add_shortages();
    said->set_menu_item_id(shortage.menu_item_id);
    said->set_wanted(shortage.wanted);
    said->set_left(shortage.left);
  }
}

}  // namespace lockstep::restaurant
