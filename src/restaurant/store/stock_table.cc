#include "restaurant/store/stock_table.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "common/base/limits.h"

namespace lockstep::restaurant {
namespace {

using store::Database;
using store::Decided;
using store::Statement;

constexpr std::string_view kReadItem =
    "SELECT stocked, reserved, sold FROM stock WHERE restaurant_id = ?1 AND menu_item_id = ?2";
constexpr std::string_view kReadLimited =
    "SELECT menu_item_id, stocked, reserved, sold FROM stock "
    "WHERE restaurant_id = ?1 AND stocked IS NOT NULL ORDER BY menu_item_id LIMIT ?2";
constexpr std::string_view kMove =
    "UPDATE stock SET reserved = reserved + ?3, sold = sold + ?4 "
    "WHERE restaurant_id = ?1 AND menu_item_id = ?2";
constexpr std::string_view kReadReservation =
    "SELECT order_id, restaurant_id, lines, state, expire_time, create_time, update_time "
    "FROM reservations WHERE order_id = ?1";
constexpr std::string_view kReadDue =
    "SELECT order_id, restaurant_id, lines, state, expire_time, create_time, update_time "
    "FROM reservations WHERE state = 1 AND expire_time <= ?1 ORDER BY expire_time LIMIT ?2";
constexpr std::string_view kReadPage =
    "SELECT order_id, restaurant_id, lines, "
    "CASE WHEN state = 1 AND expire_time <= ?4 THEN 4 ELSE state END AS state_now, "
    "expire_time, create_time, update_time FROM reservations "
    "WHERE order_id > ?1 AND lines <> '' AND (?2 = 0 OR state_now = ?2) "
    "ORDER BY order_id LIMIT ?3";
constexpr std::string_view kWriteReservation =
    "INSERT INTO reservations (order_id, restaurant_id, lines, state, expire_time, create_time, "
    "update_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT (order_id) DO UPDATE SET lines = excluded.lines, state = excluded.state, "
    "expire_time = excluded.expire_time, update_time = excluded.update_time";

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromNanos(std::int64_t nanos) { return WallTime(Duration(nanos)); }

// "naan 2 1\n": item, portions, whether they are counted. An id has no spaces.
std::string TextOf(const std::vector<ReservedLine>& lines) {
  std::string text;
  for (const ReservedLine& line : lines) {
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", line.menu_item_id, line.quantity,
                   line.counted ? 1 : 0);
  }
  return text;
}

std::vector<ReservedLine> LinesOf(std::string_view text) {
  std::vector<ReservedLine> lines;
  while (!text.empty()) {
    const std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    const std::size_t space = row.find(' ');
    ReservedLine& line = lines.emplace_back();
    line.menu_item_id = row.substr(0, space);
    std::from_chars(row.data() + space + 1, row.data() + row.size(), line.quantity);
    line.counted = row.ends_with('1') && row[row.size() - 2] == ' ';
  }
  return lines;
}

Reservation ReservationOf(const Statement& row) {
  return {.order_id = std::string(row.Text(0)),
          .restaurant_id = std::string(row.Text(1)),
          .lines = LinesOf(row.Text(2)),
          .state = static_cast<ReservationState>(row.Int(3)),
          .expire_time = FromNanos(row.Int64(4)),
          .create_time = FromNanos(row.Int64(5)),
          .update_time = FromNanos(row.Int64(6))};
}

StatusOr<std::vector<Reservation>> ReservationsIn(Statement row) {
  std::vector<Reservation> reservations;
  while (row.Step()) reservations.push_back(ReservationOf(row));
  if (Status status = row.Finish(); !status.ok()) return status;
  return reservations;
}

StatusOr<std::optional<Reservation>> Find(Database& database, const std::string& order_id) {
  StatusOr<std::vector<Reservation>> found =
      ReservationsIn(database.Query(kReadReservation, order_id));
  if (!found.ok()) return found.status();
  if (found->empty()) return std::optional<Reservation>();
  return std::optional(std::move(found->front()));
}

Status Write(Database& database, const Reservation& reservation) {
  return database.Run(kWriteReservation, reservation.order_id, reservation.restaurant_id,
                      TextOf(reservation.lines), static_cast<int>(reservation.state),
                      Nanos(reservation.expire_time), Nanos(reservation.create_time),
                      Nanos(reservation.update_time));
}

// Nothing if the item was never counted.
StatusOr<std::optional<StockItem>> FindItem(Database& database, const std::string& restaurant_id,
                                            const std::string& menu_item_id) {
  Statement row = database.Query(kReadItem, restaurant_id, menu_item_id);
  std::optional<StockItem> item;
  if (row.Step()) {
    item.emplace(StockItem{restaurant_id, menu_item_id, std::nullopt, row.Int64(1), row.Int64(2)});
    if (!row.IsNull(0)) item->stocked = row.Int64(0);
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  return item;
}

// Which lines are counted, and of which too little is left.
StatusOr<std::vector<Shortage>> Count(Database& database, Reservation& reservation) {
  std::vector<Shortage> shortages;
  for (ReservedLine& line : reservation.lines) {
    const auto item = FindItem(database, reservation.restaurant_id, line.menu_item_id);
    if (!item.ok()) return item.status();
    line.counted = item->has_value();
    if (!line.counted || !(*item)->stocked) continue;
    const std::int64_t left = (*item)->Left();
    if (left < line.quantity) shortages.push_back({line.menu_item_id, line.quantity, left});
  }
  return shortages;
}

Status MovePortions(Database& database, const Reservation& reservation, Movement movement) {
  if (movement.reserved == 0 && movement.sold == 0) return OkStatus();
  for (const ReservedLine& line : reservation.lines) {
    if (!line.counted) continue;
    Status status = database.Run(kMove, reservation.restaurant_id, line.menu_item_id,
                                 movement.reserved * line.quantity, movement.sold * line.quantity);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

// Moves the portions to where they are in that state, and writes the reservation. What takes
// portions may find too little: then nothing is written, but for others that were due.
StatusOr<Reserved> MoveTo(Database& database, Reservation reservation, ReservationState to,
                          WallTime now) {
  const Movement movement = MovementOf(reservation.state, to);
  if (movement.takes()) {
    StatusOr<std::vector<Shortage>> shortages = Count(database, reservation);
    while (shortages.ok() && !shortages->empty()) {
      const StatusOr<int> expired = ExpireReservations(database, now, limits::kPurgeBatchRows);
      if (!expired.ok()) return expired.status();
      if (*expired == 0) break;
      shortages = Count(database, reservation);
    }
    if (!shortages.ok()) return shortages.status();
    if (!shortages->empty()) {
      Reserved refused;
      refused.refusal = OutOfStock(reservation.restaurant_id, *shortages);
      refused.shortages = *std::move(shortages);
      return refused;
    }
  }
  if (Status status = MovePortions(database, reservation, movement); !status.ok()) return status;
  reservation.state = to;
  reservation.update_time = now;
  if (Status status = Write(database, reservation); !status.ok()) return status;
  Reserved done;
  done.value = std::move(reservation);
  return done;
}

Reserved Refused(Status refusal) {
  Reserved refused;
  refused.refusal = std::move(refusal);
  return refused;
}

Reserved Repeated(Reservation there) {
  Reserved repeated;
  repeated.value = std::move(there);
  repeated.repeated = true;
  return repeated;
}

// Of a release or a confirmation.
template <typename Request>
StatusOr<Reserved> Settle(Database& database, const Request& request, WallTime now) {
  StatusOr<std::optional<Reservation>> there = Find(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<ReservationState> to = After(request, there->has_value() ? &**there : nullptr);
  if (!to.ok()) return Refused(to.status());
  if (there->has_value() && (*there)->state == *to) return Repeated(**std::move(there));
  Reservation reservation;
  if (there->has_value()) {
    reservation = **std::move(there);
  } else {
    reservation.order_id = request.order_id;
    reservation.restaurant_id = request.restaurant_id;
    reservation.create_time = now;
  }
  return MoveTo(database, std::move(reservation), *to, now);
}

}  // namespace

StatusOr<Decided<std::vector<StockItem>>> SetStock(Database& database, const StockChange& change,
                                                   WallTime now) {
  StatusOr<int> expired = 1;
  while (expired.ok() && *expired > 0) {
    expired = ExpireReservations(database, now, limits::kPurgeBatchRows);
  }
  if (!expired.ok()) return expired.status();
  Decided<std::vector<StockItem>> decided;
  for (const StockSetting& setting : change.items) {
    auto item = FindItem(database, change.restaurant_id, setting.menu_item_id);
    if (!item.ok()) return item.status();
    const StockItem there =
        item->value_or(StockItem{change.restaurant_id, setting.menu_item_id, std::nullopt, 0, 0});
    if (setting.stocked && *setting.stocked < there.sold + there.reserved) {
      decided.refusal = StockBelowSold(there, *setting.stocked);
      return decided;
    }
    StockItem& after = decided.value.emplace_back(there);
    after.stocked = setting.stocked;
  }
  for (const StockItem& item : decided.value) {
    Status status = database.Run(
        "INSERT INTO stock (restaurant_id, menu_item_id, stocked, reserved, sold) "
        "VALUES (?1, ?2, ?3, 0, 0) ON CONFLICT (restaurant_id, menu_item_id) "
        "DO UPDATE SET stocked = excluded.stocked",
        item.restaurant_id, item.menu_item_id, item.stocked);
    if (!status.ok()) return status;
  }
  return decided;
}

StatusOr<Reserved> Carry(Database& database, const ReserveRequest& request, WallTime now) {
  StatusOr<std::optional<Reservation>> there = Find(database, request.order_id);
  if (!there.ok()) return there.status();
  const StatusOr<ReservationState> to =
      After(request, there->has_value() ? &**there : nullptr, now);
  if (!to.ok()) return Refused(to.status());
  Reservation reservation;
  if (there->has_value()) {
    if ((*there)->state == *to && !IsDue(**there, now)) return Repeated(**std::move(there));
    reservation = **std::move(there);
  } else {
    reservation.order_id = request.order_id;
    reservation.restaurant_id = request.restaurant_id;
    reservation.lines = AddUp(request.lines);
    reservation.create_time = now;
  }
  reservation.expire_time = request.expire_time;
  return MoveTo(database, std::move(reservation), *to, now);
}

StatusOr<Reserved> Carry(Database& database, const ReleaseRequest& request, WallTime now) {
  return Settle(database, request, now);
}

StatusOr<Reserved> Carry(Database& database, const ConfirmRequest& request, WallTime now) {
  return Settle(database, request, now);
}

StatusOr<int> ExpireReservations(Database& database, WallTime now, int count_max) {
  StatusOr<std::vector<Reservation>> due =
      ReservationsIn(database.Query(kReadDue, Nanos(now), count_max));
  if (!due.ok()) return due.status();
  const int count = static_cast<int>(due->size());
  for (Reservation& reservation : *due) {
    const StatusOr<Reserved> moved =
        MoveTo(database, std::move(reservation), ReservationState::kExpired, now);
    if (!moved.ok()) return moved.status();
  }
  return count;
}

StatusOr<int> PurgeReservations(Database& database, WallTime before, int count_max) {
  Status status = database.Run(
      "DELETE FROM reservations WHERE order_id IN (SELECT order_id FROM reservations "
      "WHERE state >= 3 AND update_time < ?1 ORDER BY update_time LIMIT ?2)",
      Nanos(before), count_max);
  if (!status.ok()) return status;
  return static_cast<int>(database.Changes());
}

Status ReadStock(Database& database, const StockQuery& query, WallTime now,
                 std::vector<StockItem>& items) {
  const std::size_t first = items.size();
  for (const std::string& id : query.menu_item_ids) {
    auto item = FindItem(database, query.restaurant_id, id);
    if (!item.ok()) return item.status();
    items.push_back(item->has_value() ? **std::move(item)
                                      : StockItem{query.restaurant_id, id, std::nullopt, 0, 0});
  }
  if (query.menu_item_ids.empty()) {
    Statement row = database.Query(kReadLimited, query.restaurant_id, limits::kStockItemsMax);
    while (row.Step()) {
      items.push_back({query.restaurant_id, std::string(row.Text(0)), row.Int64(1), row.Int64(2),
                       row.Int64(3)});
    }
    if (Status status = row.Finish(); !status.ok()) return status;
  }
  constexpr int kAll = -1;  // a few: they are written as expired within a tick
  StatusOr<std::vector<Reservation>> due =
      ReservationsIn(database.Query(kReadDue, Nanos(now), kAll));
  if (!due.ok()) return due.status();
  for (const Reservation& reservation : *due) {
    if (reservation.restaurant_id != query.restaurant_id) continue;
    for (const ReservedLine& line : reservation.lines) {
      for (std::size_t i = first; i < items.size() && line.counted; ++i) {
        if (items[i].menu_item_id == line.menu_item_id) items[i].reserved -= line.quantity;
      }
    }
  }
  return OkStatus();
}

StatusOr<std::vector<Reservation>> ReadReservations(Database& database, std::string_view after,
                                                    ReservationState state, int count,
                                                    WallTime now) {
  return ReservationsIn(
      database.Query(kReadPage, after, static_cast<int>(state), count, Nanos(now)));
}

}  // namespace lockstep::restaurant
