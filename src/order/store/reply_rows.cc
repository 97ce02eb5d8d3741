#include "order/store/reply_rows.h"

#include "order/store/uuid_bytes.h"

namespace lockstep::order {

Status InsertReply(store::Database& database, std::string_view order_id, const Reply& reply) {
  return database.Run("INSERT OR REPLACE INTO replies VALUES (?1,?2,?3)",
                      store::Blob{UuidBytes(order_id)}, reply.reply_to, reply.correlation_id);
}

StatusOr<std::optional<Reply>> ReadReply(store::Database& database, std::string_view order_id) {
  store::Statement row =
      database.Query("SELECT reply_to, correlation_id FROM replies WHERE order_id = ?1",
                     store::Blob{UuidBytes(order_id)});
  std::optional<Reply> reply;
  if (row.Step()) reply = Reply{std::string(row.Text(0)), std::string(row.Text(1))};
  if (Status status = row.Finish(); !status.ok()) return status;
  return reply;
}

}  // namespace lockstep::order
