// What must still be said to others about what is committed: put in within the same transaction, so
// that there is the one exactly if there is the other. The relay says it.
// Threads: that of the Database.
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

// A new envelope: its id a UUIDv7, sent now. type: the full name of the payload's protobuf type.
template <typename Payload>
v1::Envelope MakeEnvelope(const Payload& payload, std::string key, std::string correlation_id,
                          WallTime now);

// Within a transaction. destination: the role of a peer ("consumer") or a mailbox's HOST:PORT.
Status PutIntoOutbox(store::Database& database, std::string_view destination,
                     const v1::Envelope& envelope);

}  // namespace lockstep::message
