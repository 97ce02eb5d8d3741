#include "restaurant/service/convert.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/rpc/proto_values.h"

namespace lockstep::restaurant {
namespace {

constexpr std::string_view kMinimumOrder = "restaurant.minimum_order";

// All that a request says of a restaurant, but for its minimum and its menu.
Restaurant Said(const v1::Restaurant& in) {
  Restaurant restaurant;
  restaurant.restaurant_id = in.restaurant_id();
  restaurant.display_name = in.display_name();
  restaurant.opening_state = static_cast<OpeningState>(in.opening_state());
  const auto& prefixes = in.delivery_area().postal_code_prefixes();
  restaurant.delivery_area = DeliveryArea({prefixes.begin(), prefixes.end()});
  return restaurant;
}

// field: of the list.
std::vector<MenuItem> ItemsOf(const google::protobuf::RepeatedPtrField<v1::MenuItem>& in,
                              std::string_view field, Violations& violations) {
  std::vector<MenuItem> items;
  items.reserve(static_cast<std::size_t>(in.size()));
  for (const v1::MenuItem& said : in) {
    MenuItem& item = items.emplace_back();
    item.menu_item_id = said.menu_item_id();
    item.display_name = said.display_name();
    item.availability = static_cast<Availability>(said.availability());
    item.category = said.category();
    if (!said.has_price()) continue;  // which is refused as such
    StatusOr<Money> price = rpc::ToMoney(said.price());
    if (price.ok()) {
      item.price = *std::move(price);
    } else {
      violations.Add(fmt::format("{}[{}].price", field, items.size() - 1),
                     MessageOf(price.status()));
    }
  }
  return items;
}

// What both forms of the question and an order say by fields of the same names.
template <typename Asked>
Question QuestionOf(const Asked& asked) {
  Question question;
  question.order_id = asked.order_id();
  question.restaurant_id = asked.restaurant_id();
  question.lines.reserve(static_cast<std::size_t>(asked.lines_size()));
  for (const auto& line : asked.lines()) {
    question.lines.push_back({line.menu_item_id(), line.quantity()});
  }
  const v1::Address& address = asked.delivery_address();
  question.delivery_address = {address.street(), address.city(), address.postal_code()};
  return question;
}

}  // namespace

Restaurant FromProto(const v1::CreateRestaurantRequest& request, Violations& violations) {
  const v1::Restaurant& in = request.restaurant();
  Restaurant restaurant = Said(in);
  if (in.has_minimum_order()) {
    restaurant.minimum_order = rpc::ReadMoney(in.minimum_order(), kMinimumOrder, violations);
  }
  restaurant.menu = Menu(ItemsOf(in.menu_items(), "restaurant.menu_items", violations));
  return restaurant;
}

RestaurantUpdate FromProto(const v1::UpdateRestaurantRequest& request, Violations& violations) {
  RestaurantUpdate update;
  update.restaurant = Said(request.restaurant());
  update.mask.assign(request.update_mask().paths().begin(), request.update_mask().paths().end());
  update.expected_version = request.expected_version();
  for (const std::string& path : update.mask) {
    if (path != "minimum_order" || !request.restaurant().has_minimum_order()) continue;
    update.restaurant.minimum_order =
        rpc::ReadMoney(request.restaurant().minimum_order(), kMinimumOrder, violations);
  }
  return update;
}

MenuRevision FromProto(const v1::ReviseMenuRequest& request, Violations& violations) {
  MenuRevision revision;
  revision.restaurant_id = request.restaurant_id();
  revision.put_items = ItemsOf(request.put_items(), "put_items", violations);
  revision.remove_menu_item_ids.assign(request.remove_menu_item_ids().begin(),
                                       request.remove_menu_item_ids().end());
  revision.expected_version = request.expected_version();
  return revision;
}

Question FromProto(const v1::ValidateOrderDetailsRequest& request) { return QuestionOf(request); }
Question FromProto(const v1::ValidateOrderDetails& message) { return QuestionOf(message); }
Question FromProto(const order::v1::Order& order) { return QuestionOf(order); }

void SetProto(const Restaurant& restaurant, v1::Restaurant* out) {
  out->set_restaurant_id(restaurant.restaurant_id);
  out->set_display_name(restaurant.display_name);
  out->set_opening_state(static_cast<v1::Restaurant::OpeningState>(restaurant.opening_state));
  rpc::SetMoney(restaurant.minimum_order, out->mutable_minimum_order());
  v1::DeliveryArea* area = out->mutable_delivery_area();
  for (const std::string& prefix : restaurant.delivery_area.postal_code_prefixes()) {
    area->add_postal_code_prefixes(prefix);
  }
  for (const MenuItem& item : restaurant.menu.items()) {
    v1::MenuItem* said = out->add_menu_items();
    said->set_menu_item_id(item.menu_item_id);
    said->set_display_name(item.display_name);
    rpc::SetMoney(item.price, said->mutable_price());
    said->set_availability(static_cast<v1::MenuItem::Availability>(item.availability));
    said->set_category(item.category);
    said->set_limited(item.limited);
  }
  out->set_version(restaurant.version);
  rpc::SetTime(restaurant.create_time, out->mutable_create_time());
  rpc::SetTime(restaurant.update_time, out->mutable_update_time());
}

void SetProto(OrderDetailsVerdict&& verdict, v1::OrderDetailsVerdict* out) {
  out->set_order_id(std::move(verdict.order_id));
  out->set_restaurant_id(std::move(verdict.restaurant_id));
  out->set_accepted(verdict.accepted);
  for (Refusal& refusal : verdict.refusals) {
    v1::OrderDetailsVerdict::Refusal* said = out->add_refusals();
    said->set_reason(static_cast<v1::OrderDetailsVerdict::Reason>(refusal.reason));
    said->set_message(std::move(refusal.message));
    said->set_menu_item_id(std::move(refusal.menu_item_id));
  }
  out->mutable_lines()->Reserve(static_cast<int>(verdict.lines.size()));
  for (PricedLine& line : verdict.lines) {
    v1::PricedLine* said = out->add_lines();
    said->set_menu_item_id(std::move(line.menu_item_id));
    said->set_display_name(std::move(line.display_name));
    said->set_quantity(line.quantity);
    rpc::SetMoney(line.unit_price, said->mutable_unit_price());
    rpc::SetMoney(line.price, said->mutable_price());
    said->set_limited(line.limited);
  }
  if (verdict.total) rpc::SetMoney(*verdict.total, out->mutable_total());
  out->set_restaurant_version(verdict.restaurant_version);
  rpc::SetTime(verdict.judge_time, out->mutable_judge_time());
  out->set_node(std::move(verdict.node));
}

}  // namespace lockstep::restaurant
