// Who wants the outcome of an order as a message. Pure SQL on a connection that the caller owns.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/store/database.h"

namespace lockstep::order {

struct Reply {
  std::string reply_to;
  std::string correlation_id;
};

// Within a transaction; in place of one that is there.
Status InsertReply(store::Database& database, std::string_view order_id, const Reply& reply);
StatusOr<std::optional<Reply>> ReadReply(store::Database& database, std::string_view order_id);

}  // namespace lockstep::order
