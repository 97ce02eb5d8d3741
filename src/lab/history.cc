#include "lab/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "lab/csv.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

constexpr std::size_t kNamesInErrorMax = 5;

Status Invalid(std::string message) {
  return MakeError(StatusCode::kInvalidArgument, "HISTORY_INVALID", std::move(message));
}

// Where the columns of a history stand.
struct HistoryColumns {
  std::size_t number, date, item, quantity;
  std::optional<std::size_t> restaurant, consumer;
};

StatusOr<HistoryColumns> FindColumns(const CsvTable& table) {
  HistoryColumns columns{};
  for (const auto& [index, name] :
       {std::pair{&columns.number, "Order Number"}, std::pair{&columns.date, "Order Date"},
        std::pair{&columns.item, "Item Name"}, std::pair{&columns.quantity, "Quantity"}}) {
    const StatusOr<std::size_t> found = table.Column(name);
    if (!found.ok()) return found.status();
    *index = *found;
  }
  columns.restaurant = table.OptionalColumn("Restaurant");
  columns.consumer = table.OptionalColumn("Consumer");
  return columns;
}

// An order begun by the row, without lines.
StatusOr<HistoryOrder> BeginOrder(const CsvTable::Row& row, const HistoryColumns& columns) {
  HistoryOrder order;
  order.number = row.cells[columns.number];
  const StatusOr<WallTime> time = ParseTillTime(row.cells[columns.date]);
  if (!time.ok()) return time.status();
  order.time = *time;
  if (columns.restaurant) order.restaurant_id = row.cells[*columns.restaurant];
  if (columns.consumer) order.consumer_id = row.cells[*columns.consumer];
  return order;
}

// An id as the restaurant's menu has it, by the name that the till printed.
class MenuIndex {
 public:
  explicit MenuIndex(const restaurant::v1::Restaurant& restaurant) : restaurant_(&restaurant) {
    for (const restaurant::v1::MenuItem& item : restaurant.menu_items()) {
      items_[item.display_name()] = &item;
    }
  }
  const restaurant::v1::MenuItem* Find(const std::string& name) const {
    const auto found = items_.find(name);
    return found == items_.end() ? nullptr : found->second;
  }
  const restaurant::v1::Restaurant& restaurant() const { return *restaurant_; }

 private:
  const restaurant::v1::Restaurant* restaurant_;
  std::map<std::string, const restaurant::v1::MenuItem*> items_;
};

// The first consumer, from the one that the order number points at, who may pay so much; null if
// nobody may.
const SampleConsumer* ChooseConsumer(const std::vector<SampleConsumer>& consumers,
                                     std::uint64_t hash, std::int64_t total_nanos,
                                     const std::string& currency_code) {
  for (std::size_t step = 0; step < consumers.size(); ++step) {
    const SampleConsumer& candidate = consumers[(hash + step) % consumers.size()];
    const money::v1::Money& limit = candidate.consumer.order_limit();
    if (candidate.consumer.state() == consumer::v1::Consumer::STATE_ACTIVE &&
        limit.currency_code() == currency_code && TotalNanos(limit) >= total_nanos) {
      return &candidate;
    }
  }
  return nullptr;
}

// As the restaurant compares them: without spaces and in upper case.
std::string Compact(const std::string& postal_code) {
  std::string compact;
  for (const char letter : postal_code) {
    if (letter == ' ') continue;
    compact += letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  }
  return compact;
}

// The consumer's own address if the restaurant delivers there; else the same street in one of its
// delivery areas.
restaurant::v1::Address AddressInside(const restaurant::v1::Address& home, std::uint64_t hash,
                                      const restaurant::v1::DeliveryArea& area) {
  restaurant::v1::Address address = home;
  const auto& prefixes = area.postal_code_prefixes();
  const bool inside =
      prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) {
        return Compact(home.postal_code()).starts_with(Compact(prefix));
      });
  if (!inside) {
    address.set_postal_code(
        prefixes[static_cast<int>((hash >> 32) % static_cast<std::uint64_t>(prefixes.size()))]);
  }
  return address;
}

class Planner {
 public:
  Planner(const Menus& menus, const std::vector<SampleConsumer>& consumers,
          const PlanOptions& options)
      : consumers_(consumers), options_(options) {
    for (const auto& [id, restaurant] : menus) menus_.emplace(id, restaurant);
    for (const SampleConsumer& sample : consumers) {
      by_id_[sample.consumer.consumer_id()] = &sample;
    }
  }

  StatusOr<PlannedOrder> Plan(const HistoryOrder& order, WallTime first) {
    const std::string& restaurant_id =
        order.restaurant_id.empty() ? options_.restaurant_id : order.restaurant_id;
    const auto menu = menus_.find(restaurant_id);
    if (menu == menus_.end()) {
      return Invalid(
          fmt::format("order {}: there is no restaurant \"{}\"; load it first, or name "
                      "one with --restaurant",
                      order.number, restaurant_id));
    }
    PlannedOrder planned;
    planned.offset = order.time - first;
    order::v1::CreateOrderRequest& request = planned.request;
    request.set_request_id(
        fmt::format("{}:{}:{}", options_.run, options_.style_name, order.number));
    request.set_restaurant_id(restaurant_id);
    const std::int64_t total_nanos = AddLines(order, menu->second, request);
    const std::uint64_t hash = StableHash(order.number);
    return AddConsumer(order, menu->second.restaurant(), hash, total_nanos, std::move(planned));
  }

  const std::set<std::string>& items_missing() const { return items_missing_; }

 private:
  std::int64_t AddLines(const HistoryOrder& order, const MenuIndex& menu,
                        order::v1::CreateOrderRequest& request) {
    std::int64_t total_nanos = 0;
    for (const HistoryLine& line : order.lines) {
      const restaurant::v1::MenuItem* item = menu.Find(line.item_name);
      if (item == nullptr) {
        items_missing_.insert(line.item_name);
        continue;
      }
      restaurant::v1::OrderLine* wanted = request.add_lines();
      wanted->set_menu_item_id(item->menu_item_id());
      wanted->set_quantity(line.quantity);
      total_nanos += TotalNanos(item->price()) * line.quantity;
    }
    return total_nanos;
  }

  // A consumer that the file names is taken as it is, at home, whatever the services will say of
  // it.
  StatusOr<PlannedOrder> AddConsumer(const HistoryOrder& order,
                                     const restaurant::v1::Restaurant& restaurant,
                                     std::uint64_t hash, std::int64_t total_nanos,
                                     PlannedOrder planned) const {
    const SampleConsumer* chosen = nullptr;
    if (order.consumer_id.empty()) {
      chosen =
          ChooseConsumer(consumers_, hash, total_nanos, restaurant.minimum_order().currency_code());
      if (chosen == nullptr) {
        return Invalid(fmt::format("order {}: no active consumer may order for {} {}", order.number,
                                   static_cast<double>(total_nanos) / 1e9,
                                   restaurant.minimum_order().currency_code()));
      }
      *planned.request.mutable_delivery_address() =
          AddressInside(chosen->address, hash, restaurant.delivery_area());
    } else {
      const auto named = by_id_.find(order.consumer_id);
      if (named == by_id_.end()) {
        return Invalid(
            fmt::format("order {}: there is no consumer \"{}\"", order.number, order.consumer_id));
      }
      chosen = named->second;
      *planned.request.mutable_delivery_address() = chosen->address;
    }
    planned.request.set_consumer_id(chosen->consumer.consumer_id());
    return planned;
  }

  const std::vector<SampleConsumer>& consumers_;
  const PlanOptions& options_;
  std::map<std::string, MenuIndex> menus_;
  std::map<std::string, const SampleConsumer*> by_id_;
  std::set<std::string> items_missing_;
};

}  // namespace

StatusOr<std::vector<HistoryOrder>> ReadHistory(const std::filesystem::path& file) {
  const StatusOr<CsvTable> table = CsvTable::Read(file);
  if (!table.ok()) return table.status();
  const StatusOr<HistoryColumns> columns = FindColumns(*table);
  if (!columns.ok()) return columns.status();
  std::vector<HistoryOrder> orders;
  std::map<std::string, std::size_t> index_of;
  for (const CsvTable::Row& row : table->rows()) {
    StatusOr<HistoryOrder> begun = BeginOrder(row, *columns);
    if (!begun.ok()) return table->ErrorAt(row, MessageOf(begun.status()));
    const auto [index, is_new] = index_of.emplace(begun->number, orders.size());
    if (is_new) {
      orders.push_back(*std::move(begun));
    } else if (const HistoryOrder& known = orders[index->second];
               known.time != begun->time || known.restaurant_id != begun->restaurant_id ||
               known.consumer_id != begun->consumer_id) {
      return table->ErrorAt(row, fmt::format("order {} has another date, restaurant or consumer "
                                             "than in an earlier row",
                                             known.number));
    }
    HistoryLine line{row.cells[columns->item], 0};
    const std::string& quantity = row.cells[columns->quantity];
    const char* end = quantity.data() + quantity.size();
    const auto read = std::from_chars(quantity.data(), end, line.quantity);
    if (read.ec != std::errc{} || read.ptr != end || line.quantity < 1) {
      return table->ErrorAt(row,
                            fmt::format("quantity \"{}\" is no whole number above zero", quantity));
    }
    orders[index->second].lines.push_back(std::move(line));
  }
  // A newest-first file has its orders of one minute newest first too: reversed, then stable.
  if (orders.size() > 1 && orders.front().time > orders.back().time) {
    std::reverse(orders.begin(), orders.end());
  }
  std::stable_sort(orders.begin(), orders.end(),
                   [](const HistoryOrder& a, const HistoryOrder& b) { return a.time < b.time; });
  return orders;
}

StatusOr<std::vector<PlannedOrder>> PlanReplay(const std::vector<HistoryOrder>& history,
                                               const Menus& menus,
                                               const std::vector<SampleConsumer>& consumers,
                                               const PlanOptions& options) {
  if (history.empty()) return std::vector<PlannedOrder>();
  Planner planner(menus, consumers, options);
  std::vector<PlannedOrder> plan;
  plan.reserve(history.size());
  for (const HistoryOrder& order : history) {
    StatusOr<PlannedOrder> planned = planner.Plan(order, history.front().time);
    if (!planned.ok()) return planned.status();
    plan.push_back(*std::move(planned));
  }
  const std::set<std::string>& missing = planner.items_missing();
  if (!missing.empty()) {
    const std::vector<std::string> some(
        missing.begin(), std::next(missing.begin(), static_cast<std::ptrdiff_t>(std::min(
                                                        missing.size(), kNamesInErrorMax))));
    return Invalid(fmt::format("{} items of the history are not on the menu: {}{}", missing.size(),
                               fmt::join(some, ", "), missing.size() > some.size() ? ", …" : ""));
  }
  return plan;
}

}  // namespace lockstep::lab
