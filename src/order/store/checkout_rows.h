// Checkouts under way for orders that are not kept yet. Pure SQL on a connection that the caller
// owns, within a transaction where it writes; every error is a Status.
#pragma once

#include <string>
#include <vector>

#include "common/store/database.h"
#include "order/ports.h"

namespace lockstep::order {

Status InsertCheckout(store::Database& database, const Checkout& checkout, WallTime settle_time);
// True: it was there, and is no longer.
StatusOr<bool> RemoveCheckout(store::Database& database, const std::string& order_id);
// Those whose settle_time has passed.
StatusOr<std::vector<Checkout>> ReadUnsettled(store::Database& database, WallTime now,
                                              int count_max);

}  // namespace lockstep::order
