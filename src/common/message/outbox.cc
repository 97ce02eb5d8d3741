#include "common/message/outbox.h"

#include <fmt/format.h>

#include "common/base/id.h"
#include "common/base/limits.h"
#include "common/message/envelope.h"
#include "common/rpc/proto_values.h"

namespace lockstep::message {

namespace {

// A caller's mailbox may never come back: what is for one ends with the dead letters then.
std::string BytesFor(std::string_view destination, const v1::Envelope& envelope) {
  const bool for_caller = destination.find(':') != std::string_view::npos;  // no role has one
  if (!for_caller || envelope.has_expire_time()) return envelope.SerializeAsString();
  v1::Envelope expiring = envelope;
  rpc::SetTime(rpc::ToTime(envelope.send_time()) + Duration(limits::kCallerMessageExpiry),
               expiring.mutable_expire_time());
  return expiring.SerializeAsString();
}

}  // namespace

v1::Envelope MakeEnvelope(std::string type, std::string payload, std::string key,
                          std::string correlation_id, WallTime now) {
  v1::Envelope envelope;
  envelope.set_message_id(NewId(now));
  envelope.set_type(std::move(type));
  envelope.set_type_version(1);
  envelope.set_key(std::move(key));
  envelope.set_correlation_id(std::move(correlation_id));
  rpc::SetTime(now, envelope.mutable_send_time());
  envelope.set_payload(std::move(payload));
  return envelope;
}

Status PutIntoOutbox(store::Database& database, std::string_view destination,
                     const v1::Envelope& envelope) {
  if (Status status = CheckEnvelope(envelope); !status.ok()) return status;
  if (destination.empty() || destination.size() > limits::kDestinationBytesMax) {
    return InvalidRequest(
        {{"destination", fmt::format("must have 1 to {} bytes, has {}",
                                     limits::kDestinationBytesMax, destination.size())}});
  }
  const std::string bytes = BytesFor(destination, envelope);
  Status status = database.Run(
      "INSERT INTO outbox (destination, message_id, key, envelope, write_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      destination, envelope.message_id(), OrderKeyOf(envelope), store::Blob{bytes},
      rpc::ToTime(envelope.send_time()).time_since_epoch().count());
  if (!status.ok()) return status;
  return database.Run("INSERT INTO outbox_waiting (destination, sequence) VALUES (?1, ?2)",
                      destination, database.LastRowId());
}

}  // namespace lockstep::message
