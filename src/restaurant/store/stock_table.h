// Stock and reservations in Restaurant's SQLite file. Each function that changes something is the
// whole effect of one command: the same for a call and for a message.
//
// Threads: that of the Database. All but the reads run within a transaction of the writer; an error
// of theirs is one of the file. Tables: restaurant_table.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/store/database.h"
#include "common/store/decided.h"
#include "restaurant/domain/stock.h"

namespace lockstep::restaurant {

// How many portions there ever were. In the order of the change.
StatusOr<store::Decided<std::vector<StockItem>>> SetStock(store::Database& database,
                                                          const StockChange& change, WallTime now);

// How a reservation stands after a command. The shortages stand beside a refusal OUT_OF_STOCK.
struct Reserved : store::Decided<Reservation> {
  std::vector<Shortage> shortages;
};
StatusOr<Reserved> Carry(store::Database& database, const ReserveRequest& request, WallTime now);
StatusOr<Reserved> Carry(store::Database& database, const ReleaseRequest& request, WallTime now);
StatusOr<Reserved> Carry(store::Database& database, const ConfirmRequest& request, WallTime now);

// Gives back what was set aside until now or earlier, at most so many reservations. Says how many.
StatusOr<int> ExpireReservations(store::Database& database, WallTime now, int count_max);
// Forgets what was released or has expired before that moment, at most so many. Says how many.
StatusOr<int> PurgeReservations(store::Database& database, WallTime before, int count_max);

// --- reads, as of a moment: what is due has expired

// Of these items, each said as unlimited if it is not known; or of all limited ones, ordered by id.
struct StockQuery {
  std::string restaurant_id;
  std::vector<std::string> menu_item_ids;
};
Status ReadStock(store::Database& database, const StockQuery& query, WallTime now,
                 std::vector<StockItem>& items);

// At most count, ordered by order, after that one; state: kUnspecified: any. Without releases of
// what never came.
StatusOr<std::vector<Reservation>> ReadReservations(store::Database& database,
                                                    std::string_view after, ReservationState state,
                                                    int count, WallTime now);

}  // namespace lockstep::restaurant
