#include "order/checks/copy_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"

namespace lockstep::order {
namespace {

Status Wrong(std::string what) {
  return MakeError(StatusCode::kDataLoss, "COPY_CORRUPT", std::move(what));
}

// OK if id, version and time could be those of the record that came under the key.
Status CheckOrigin(std::string_view key, const std::string& id, std::int64_t version,
                   const google::protobuf::Timestamp& time) {
  if (id != key) return Wrong(fmt::format("it came as {} and is {}", Quoted(key), Quoted(id)));
  if (version < 1) return Wrong(fmt::format("it has version {}", version));
  constexpr std::int64_t kSecondsMax = Duration::max() / std::chrono::seconds(1) - 1;
  if (time.seconds() <= 0 || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() >= 1'000'000'000) {
    return Wrong(fmt::format("its update_time is {} s and {} ns", time.seconds(), time.nanos()));
  }
  return OkStatus();
}

// least: in billionths.
Status ReadAmount(std::string_view name, const money::v1::Money& in, std::int64_t least,
                  Money& out) {
  StatusOr<Money> money = rpc::ToMoney(in);
  if (!money.ok()) return Wrong(fmt::format("its {} {}", name, MessageOf(money.status())));
  if (money->currency_code().empty()) return Wrong(fmt::format("its {} has no currency", name));
  if (money->total_nanos() < least) {
    return Wrong(fmt::format("its {} is {}", name, money->Text()));
  }
  out = *std::move(money);
  return OkStatus();
}

Status ReadItem(const restaurant::v1::MenuItem& in, const std::string& currency,
                MenuItemCopy& out) {
  using Item = restaurant::v1::MenuItem;
  out.menu_item_id = in.menu_item_id();
  out.display_name = in.display_name();
  out.available = in.availability() == Item::AVAILABILITY_AVAILABLE;
  out.limited = in.limited();
  if (out.menu_item_id.empty()) return Wrong("it has a menu item without an id");
  if (!out.available && in.availability() != Item::AVAILABILITY_SOLD_OUT) {
    return Wrong(fmt::format("its menu item {} has availability {}", Quoted(out.menu_item_id),
                             static_cast<int>(in.availability())));
  }
  if (Status read = ReadAmount("price", in.price(), 0, out.price); !read.ok()) {
    return Wrong(fmt::format("its menu item {}: {}", Quoted(out.menu_item_id), MessageOf(read)));
  }
  if (out.price.currency_code() == currency) return OkStatus();
  return Wrong(fmt::format("its menu item {} costs {}, its minimum order is in {}",
                           Quoted(out.menu_item_id), out.price.Text(), currency));
}

// Ordered by id.
Status ReadItems(const restaurant::v1::Restaurant& in, RestaurantCopy& out) {
  if (in.menu_items_size() > limits::kMenuItemsMax) {
    return Wrong(fmt::format("it has {} menu items", in.menu_items_size()));
  }
  const auto by_id = [](const MenuItemCopy& a, const MenuItemCopy& b) {
    return a.menu_item_id < b.menu_item_id;
  };
  out.items.resize(static_cast<std::size_t>(in.menu_items_size()));
  for (int i = 0; i < in.menu_items_size(); ++i) {
    MenuItemCopy& item = out.items[static_cast<std::size_t>(i)];
    Status read = ReadItem(in.menu_items(i), out.minimum_order.currency_code(), item);
    if (!read.ok()) return read;
  }
  std::sort(out.items.begin(), out.items.end(), by_id);
  const auto twice = std::adjacent_find(out.items.begin(), out.items.end(),
                                        [](const MenuItemCopy& a, const MenuItemCopy& b) {
                                          return a.menu_item_id == b.menu_item_id;
                                        });
  if (twice == out.items.end()) return OkStatus();
  return Wrong(fmt::format("its menu has item {} twice", Quoted(twice->menu_item_id)));
}

template <typename Message>
bool Parse(std::string_view payload, Message& message) {
  return message.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
}

}  // namespace

StatusOr<ConsumerCopy> ConsumerRecords::Read(std::string_view key, std::string_view payload) {
  using Proto = consumer::v1::Consumer;
  Proto in;
  if (!Parse(payload, in)) return Wrong("it cannot be parsed");
  Status origin = CheckOrigin(key, in.consumer_id(), in.version(), in.update_time());
  if (!origin.ok()) return origin;
  ConsumerCopy copy;
  copy.consumer_id = in.consumer_id();
  copy.version = in.version();
  copy.update_time = rpc::ToTime(in.update_time());
  copy.active = in.state() == Proto::STATE_ACTIVE;
  if (!copy.active && in.state() != Proto::STATE_SUSPENDED) {
    return Wrong(fmt::format("it has state {}", static_cast<int>(in.state())));
  }
  Status limit = ReadAmount("order_limit", in.order_limit(), 1, copy.order_limit);
  if (!limit.ok()) return limit;
  return copy;
}

StatusOr<RestaurantCopy> RestaurantRecords::Read(std::string_view key, std::string_view payload) {
  using Proto = restaurant::v1::Restaurant;
  Proto in;
  if (!Parse(payload, in)) return Wrong("it cannot be parsed");
  Status origin = CheckOrigin(key, in.restaurant_id(), in.version(), in.update_time());
  if (!origin.ok()) return origin;
  RestaurantCopy copy;
  copy.restaurant_id = in.restaurant_id();
  copy.version = in.version();
  copy.update_time = rpc::ToTime(in.update_time());
  copy.open = in.opening_state() == Proto::OPENING_STATE_OPEN;
  if (!copy.open && in.opening_state() != Proto::OPENING_STATE_CLOSED) {
    return Wrong(fmt::format("it has opening state {}", static_cast<int>(in.opening_state())));
  }
  Status minimum = ReadAmount("minimum_order", in.minimum_order(), 0, copy.minimum_order);
  if (!minimum.ok()) return minimum;
  for (const std::string& prefix : in.delivery_area().postal_code_prefixes()) {
    copy.postal_code_prefixes.push_back(PlainPostalCode(prefix));
  }
  if (Status items = ReadItems(in, copy); !items.ok()) return items;
  return copy;
}

}  // namespace lockstep::order
