#include "order/store/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <memory>
#include <utility>

#include "order/store/feed_rows.h"
#include "order/store/uuid_bytes.h"

namespace lockstep::order {
namespace {

using store::Blob;
using store::Database;
using store::Statement;

constexpr std::size_t kLinesAStatement =
    8;  // real orders have 5.6 lines on average: most need one statement

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime Time(std::int64_t nanos) { return WallTime(Duration(nanos)); }

std::string Joined(const std::vector<std::string>& lines) {
  std::string joined;
  for (const std::string& line : lines) joined += (joined.empty() ? "" : "\n") + line;
  return joined;
}

std::vector<std::string> Split(std::string_view joined) {
  std::vector<std::string> lines;
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find('\n'), joined.size());
    lines.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(end + 1, joined.size()));
  }
  return lines;
}

// "0:1700000000000000000 1:1700000000000001000": each state with its time; of a step of the
// checkout also Step.StepState, "0:1700000000000000500:1.0".
std::string ChangesText(const std::vector<StateChange>& changes) {
  std::string text;
  for (const StateChange& change : changes) {
    if (!text.empty()) text += ' ';
    text += fmt::format_int(static_cast<int>(change.state)).c_str();
    text += ':';
    text += fmt::format_int(Nanos(change.time)).c_str();
    if (change.step) {
      text += fmt::format(":{}.{}", static_cast<int>(change.step->step),
                          static_cast<int>(change.step->state));
    }
  }
  return text;
}

std::vector<StateChange> ChangesOf(std::string_view text) {
  std::vector<StateChange> changes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view one = text.substr(0, end);
    const char* const last = one.data() + one.size();
    // One number, and what separates it from the next.
    const char* place = one.data();
    const auto number = [&place, last](auto& value) {
      place = std::from_chars(place, last, value).ptr;
      if (place < last) ++place;
    };
    int state = 0, step = 0, step_state = 0;
    std::int64_t time = 0;
    number(state);
    number(time);
    StateChange& change =
        changes.emplace_back(StateChange{static_cast<OrderState>(state), Time(time)});
    if (place < last) {
      number(step);
      number(step_state);
      change.step = StepChange{static_cast<Step>(step), static_cast<StepState>(step_state)};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return changes;
}

// INSERT statements for 1 to kLinesAStatement lines, made once: each text is a key of the statement
// cache.
const std::string& InsertLinesSql(std::size_t lines) {
  static const std::array<std::string, kLinesAStatement + 1> texts = [] {
    std::array<std::string, kLinesAStatement + 1> made;
    for (std::size_t count = 1; count <= kLinesAStatement; ++count) {
      made[count] = "INSERT INTO order_lines VALUES ";
      for (std::size_t line = 0; line < count; ++line) {
        const std::size_t first = 2 + line * 7;
        made[count] +=
            fmt::format("{}(?1,?{},?{},?{},?{},?{},?{},?{})", line == 0 ? "" : ",", first,
                        first + 1, first + 2, first + 3, first + 4, first + 5, first + 6);
      }
    }
    return made;
  }();
  return texts[lines];
}

Status InsertLines(Database& database, const std::string& id,
                   const std::vector<PricedLine>& lines) {
  for (std::size_t begin = 0; begin < lines.size(); begin += kLinesAStatement) {
    const std::size_t count = std::min(kLinesAStatement, lines.size() - begin);
    Statement statement = database.Prepare(InsertLinesSql(count));
    statement.Bind(1, Blob{id});
    int parameter = 1;
    for (std::size_t line = begin; line < begin + count; ++line) {
      const PricedLine& row = lines[line];
      statement.Bind(++parameter, static_cast<std::int64_t>(line));
      statement.Bind(++parameter, row.menu_item_id);
      statement.Bind(++parameter, row.display_name);
      statement.Bind(++parameter, row.quantity);
      statement.Bind(++parameter, row.unit_price.total_nanos());
      statement.Bind(++parameter, row.price.total_nanos());
      statement.Bind(++parameter, row.limited);
    }
    while (statement.Step()) {
    }
    if (Status status = statement.Finish(); !status.ok()) return status;
  }
  return OkStatus();
}

// The columns of an order that its verdicts and its state decide.
struct DecidedColumns {
  std::optional<std::string_view> currency, limit_currency, consumer_node, restaurant_node;
  std::optional<std::int64_t> total, limit, consumer_version, consumer_time, restaurant_version,
      restaurant_time;
  std::optional<bool> consumer_accepted, restaurant_accepted;
  std::string reasons, changes;

  explicit DecidedColumns(const Order& order)
      : reasons(Joined(order.rejection_reasons)), changes(ChangesText(order.changes)) {
    if (order.total) {
      currency = order.total->currency_code();
      total = order.total->total_nanos();
    }
    if (const auto& verdict = order.consumer_verdict) {
      consumer_accepted = verdict->accepted;
      if (verdict->order_limit) {
        limit_currency = verdict->order_limit->currency_code();
        limit = verdict->order_limit->total_nanos();
      }
      consumer_version = verdict->consumer_version;
      consumer_time = Nanos(verdict->judge_time);
      consumer_node = verdict->node;
    }
    if (const auto& verdict = order.menu_verdict) {
      restaurant_accepted = verdict->accepted;
      restaurant_version = verdict->restaurant_version;
      restaurant_time = Nanos(verdict->judge_time);
      restaurant_node = verdict->node;
    }
  }
};

Status InsertRefusals(Database& database, const std::string& id, bool of_restaurant,
                      const std::vector<Refusal>& refusals) {
  std::int64_t number = 0;
  for (const Refusal& refusal : refusals) {
    const Status status = database.Run("INSERT INTO order_refusals VALUES (?1,?2,?3,?4,?5,?6)",
                                       Blob{id}, of_restaurant, number++, refusal.reason,
                                       refusal.message, refusal.menu_item_id);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

constexpr std::string_view kOrderColumns =
    "SELECT order_id, request_id, consumer_id, restaurant_id, street, city, postal_code, state, "
    "style, currency, total, "
    "rejection_reasons, create_time, update_time, consumer_accepted, consumer_limit_currency, "
    "consumer_limit, "
    "consumer_version, consumer_judge_time, consumer_node, restaurant_accepted, "
    "restaurant_version, "
    "restaurant_judge_time, restaurant_node, state_changes, stale, payment_method FROM orders ";

// The order without its lines and refusals.
Order OrderOf(const Statement& row) {
  Order order;
  order.order_id = UuidText(row.Bytes(0));
  order.request_id = row.Text(1);
  order.consumer_id = row.Text(2);
  order.restaurant_id = row.Text(3);
  order.delivery_address = {std::string(row.Text(4)), std::string(row.Text(5)),
                            std::string(row.Text(6))};
  order.state = static_cast<OrderState>(row.Int(7));
  order.style = static_cast<Style>(row.Int(8));
  if (!row.IsNull(9)) order.total = Money::FromTotalNanos(std::string(row.Text(9)), row.Int64(10));
  order.rejection_reasons = Split(row.Text(11));
  order.create_time = Time(row.Int64(12));
  order.update_time = Time(row.Int64(13));
  if (!row.IsNull(14)) {
    ConsumerVerdict& verdict = order.consumer_verdict.emplace();
    verdict.order_id = order.order_id;
    verdict.consumer_id = order.consumer_id;
    verdict.accepted = row.Bool(14);
    if (!row.IsNull(15))
      verdict.order_limit = Money::FromTotalNanos(std::string(row.Text(15)), row.Int64(16));
    verdict.consumer_version = row.Int64(17);
    verdict.judge_time = Time(row.Int64(18));
    verdict.node = row.Text(19);
  }
  if (!row.IsNull(20)) {
    MenuVerdict& verdict = order.menu_verdict.emplace();
    verdict.order_id = order.order_id;
    verdict.restaurant_id = order.restaurant_id;
    verdict.accepted = row.Bool(20);
    verdict.restaurant_version = row.Int64(21);
    verdict.judge_time = Time(row.Int64(22));
    verdict.node = row.Text(23);
  }
  order.changes = ChangesOf(row.Text(24));
  // Of an order of schema version 1 only the last change is known.
  if (order.changes.empty()) order.changes = {StateChange{order.state, order.update_time}};
  order.accepted_on_stale_data = row.Bool(25);
  order.payment_method = static_cast<PaymentMethod>(row.Int(26));
  return order;
}

Status ReadLines(Database& database, Order& order) {
  const std::string currency = order.total ? order.total->currency_code() : std::string();
  Statement row = database.Query(
      "SELECT menu_item_id, display_name, quantity, unit_price, price, limited FROM order_lines "
      "WHERE "
      "order_id = ?1 ORDER BY line",
      Blob{UuidBytes(order.order_id)});
  while (row.Step()) {
    order.lines.push_back({std::string(row.Text(0)), std::string(row.Text(1)), row.Int(2),
                           Money::FromTotalNanos(currency, row.Int64(3)),
                           Money::FromTotalNanos(currency, row.Int64(4)), row.Bool(5)});
  }
  if (order.menu_verdict && order.menu_verdict->accepted) {
    order.menu_verdict->lines = order.lines;
    order.menu_verdict->total = order.total;
  }
  return row.Finish();
}

bool RefusedBySomebody(const Order& order) {
  return (order.consumer_verdict && !order.consumer_verdict->accepted) ||
         (order.menu_verdict && !order.menu_verdict->accepted);
}

Status ReadRefusals(Database& database, Order& order) {
  if (!RefusedBySomebody(order)) return OkStatus();
  Statement row = database.Query(
      "SELECT of_restaurant, reason, message, menu_item_id FROM order_refusals WHERE order_id = ?1 "
      "ORDER BY of_restaurant, number",
      Blob{UuidBytes(order.order_id)});
  while (row.Step()) {
    std::vector<Refusal>& refusals =
        row.Bool(0) ? order.menu_verdict->refusals : order.consumer_verdict->refusals;
    refusals.push_back(
        {std::string(row.Text(1)), std::string(row.Text(2)), std::string(row.Text(3))});
  }
  return row.Finish();
}

Status ReadParts(Database& database, Order& order) {
  if (Status status = ReadLines(database, order); !status.ok()) return status;
  return ReadRefusals(database, order);
}

}  // namespace

Status InsertOrder(Database& database, const Order& order) {
  const std::string id = UuidBytes(order.order_id);
  const DecidedColumns decided(order);
  Status status = database.Run(
      "INSERT INTO orders VALUES "
      "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,"
      "?26,?27)",
      Blob{id}, order.request_id, order.consumer_id, order.restaurant_id,
      order.delivery_address.street, order.delivery_address.city,
      order.delivery_address.postal_code, static_cast<int>(order.state),
      static_cast<int>(order.style), decided.currency, decided.total, decided.reasons,
      Nanos(order.create_time), Nanos(order.update_time), decided.consumer_accepted,
      decided.limit_currency, decided.limit, decided.consumer_version, decided.consumer_time,
      decided.consumer_node, decided.restaurant_accepted, decided.restaurant_version,
      decided.restaurant_time, decided.restaurant_node, decided.changes,
      order.accepted_on_stale_data, static_cast<int>(order.payment_method));
  if (!status.ok()) return status;
  if (status = AppendPlaced(database, order); !status.ok()) return status;
  if (status = InsertLines(database, id, order.lines); !status.ok()) return status;
  if (order.consumer_verdict) {
    status = InsertRefusals(database, id, false, order.consumer_verdict->refusals);
    if (!status.ok()) return status;
  }
  if (!order.menu_verdict) return OkStatus();
  return InsertRefusals(database, id, true, order.menu_verdict->refusals);
}

Status UpdateOrder(Database& database, const Order& before, const Order& after) {
  const std::string id = UuidBytes(after.order_id);
  const DecidedColumns decided(after);
  Status status = database.Run(
      "UPDATE orders SET state = ?2, update_time = ?3, currency = ?4, total = ?5, "
      "rejection_reasons = ?6, consumer_accepted = ?7, consumer_limit_currency = ?8, "
      "consumer_limit = ?9, consumer_version = ?10, consumer_judge_time = ?11, consumer_node = "
      "?12, "
      "restaurant_accepted = ?13, restaurant_version = ?14, restaurant_judge_time = ?15, "
      "restaurant_node = ?16, state_changes = ?17 WHERE order_id = ?1",
      Blob{id}, static_cast<int>(after.state), Nanos(after.update_time), decided.currency,
      decided.total, decided.reasons, decided.consumer_accepted, decided.limit_currency,
      decided.limit, decided.consumer_version, decided.consumer_time, decided.consumer_node,
      decided.restaurant_accepted, decided.restaurant_version, decided.restaurant_time,
      decided.restaurant_node, decided.changes);
  if (!status.ok()) return status;
  if (after.lines != before.lines) {
    status = database.Run("DELETE FROM order_lines WHERE order_id = ?1", Blob{id});
    if (!status.ok()) return status;
    if (status = InsertLines(database, id, after.lines); !status.ok()) return status;
  }
  if (after.consumer_verdict && !before.consumer_verdict) {
    status = InsertRefusals(database, id, false, after.consumer_verdict->refusals);
    if (!status.ok()) return status;
  }
  if (after.menu_verdict && !before.menu_verdict) {
    status = InsertRefusals(database, id, true, after.menu_verdict->refusals);
    if (!status.ok()) return status;
  }
  if (after.state != before.state) return AppendStateChange(database, after);
  return after.version() == before.version() ? OkStatus() : AppendProgress(database, after);
}

StatusOr<bool> InsertRequestId(Database& database, const Order& order,
                               const std::string& fingerprint) {
  const Status status =
      database.Run("INSERT INTO request_ids VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                   order.request_id, fingerprint, Blob{UuidBytes(order.order_id)});
  if (!status.ok()) return status;
  return database.Changes() == 1;
}

StatusOr<std::optional<Order>> ReadOrder(Database& database, std::string_view order_id) {
  static const std::string sql = std::string(kOrderColumns) + "WHERE order_id = ?1";
  Statement row = database.Query(sql, Blob{UuidBytes(order_id)});
  std::optional<Order> order;
  if (row.Step()) order = OrderOf(row);
  if (Status status = row.Finish(); !status.ok()) return status;
  if (order) {
    if (Status status = ReadParts(database, *order); !status.ok()) return status;
  }
  return order;
}

StatusOr<std::optional<StoredOutcome>> ReadOutcome(Database& database,
                                                   const std::string& request_id) {
  Statement row = database.Query(
      "SELECT fingerprint, order_id FROM request_ids WHERE request_id = ?1", request_id);
  std::string fingerprint, order_id;
  if (row.Step()) {
    fingerprint = row.Text(0);
    order_id = UuidText(row.Bytes(1));
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  if (order_id.empty()) return std::optional<StoredOutcome>();
  StatusOr<std::optional<Order>> order = ReadOrder(database, order_id);
  if (!order.ok()) return order.status();
  if (!order->has_value()) {
    return MakeError(StatusCode::kDataLoss, "STORE_CORRUPT",
                     fmt::format("{} has request id \"{}\" for order {}, which it does not have",
                                 database.path(), request_id, order_id));
  }
  return StoredOutcome{std::make_shared<const Order>(**std::move(order)), std::move(fingerprint)};
}

StatusOr<std::vector<Order>> ReadOrders(Database& database, const OrderFilter& filter,
                                        int count_max, std::string_view after_order_id) {
  std::string sql(kOrderColumns);
  sql += "WHERE order_id < ?1";
  if (!filter.consumer_id.empty()) sql += " AND consumer_id = ?2";
  if (!filter.restaurant_id.empty()) sql += " AND restaurant_id = ?3";
  if (filter.state) sql += " AND state = ?4";
  sql += " ORDER BY order_id DESC LIMIT ?5";
  const std::string before =
      after_order_id.empty() ? std::string(17, '\xff') : UuidBytes(after_order_id);
  Statement row = database.Prepare(sql);
  row.Bind(1, Blob{before}).Bind(5, count_max);
  if (!filter.consumer_id.empty()) row.Bind(2, filter.consumer_id);
  if (!filter.restaurant_id.empty()) row.Bind(3, filter.restaurant_id);
  if (filter.state) row.Bind(4, static_cast<int>(*filter.state));
  std::vector<Order> orders;
  while (row.Step()) orders.push_back(OrderOf(row));
  if (Status status = row.Finish(); !status.ok()) return status;
  for (Order& order : orders) {
    if (Status status = ReadParts(database, order); !status.ok()) return status;
  }
  return orders;
}

StatusOr<std::vector<std::string>> ReadPending(Database& database, WallTime before, int count_max) {
  Statement row = database.Query(
      "SELECT order_id FROM orders WHERE state = 0 AND order_id < ?1 ORDER BY order_id LIMIT ?2",
      Blob{FirstIdOf(before)}, count_max);
  std::vector<std::string> ids;
  while (row.Step()) ids.push_back(UuidText(row.Bytes(0)));
  if (Status status = row.Finish(); !status.ok()) return status;
  return ids;
}

StatusOr<PurgeRange> FindPurgeable(Database& database, WallTime before, int orders_max) {
  Statement row = database.Query(
      "SELECT order_id FROM orders WHERE order_id > (SELECT up_to FROM request_ids_purged) AND "
      "order_id < ?1 "
      "ORDER BY order_id LIMIT ?2",
      Blob{FirstIdOf(before)}, orders_max);
  PurgeRange range;
  while (row.Step()) {
    ++range.orders;
    range.up_to = row.Bytes(0);
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return range;
}

StatusOr<int> Purge(Database& database, const PurgeRange& range) {
  Status status = database.Run(
      "DELETE FROM request_ids WHERE request_id IN (SELECT request_id FROM orders WHERE order_id > "
      "(SELECT up_to FROM request_ids_purged) AND order_id <= ?1 AND request_id != '') AND "
      "order_id <= ?1",
      Blob{range.up_to});
  if (!status.ok()) return status;
  const int removed = static_cast<int>(database.Changes());
  status = database.Run("UPDATE request_ids_purged SET up_to = ?1", Blob{range.up_to});
  if (!status.ok()) return status;
  return removed;
}

}  // namespace lockstep::order
