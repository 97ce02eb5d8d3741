// What was heard: a row in the same transaction as the effect, so that a message that comes again
// has no second one. Threads: that of the Database.
#pragma once

#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::message {

// Within a transaction. True: it was not heard before, and is now.
StatusOr<bool> EnterIntoInbox(store::Database& database, std::string_view message_id, WallTime now);

// Whether it was heard. Changes nothing.
StatusOr<bool> IsInInbox(store::Database& database, std::string_view message_id);

}  // namespace lockstep::message
