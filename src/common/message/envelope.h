// What an envelope must be, wherever one is taken or put down, and how outcomes of messages are
// written on the wire. Pure. Threads: any.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "google/rpc/status.pb.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

// Reasons of outcomes that say nothing against the message itself.
inline constexpr char kKeyHeldBack[] = "KEY_HELD_BACK";  // an earlier one of its key was refused
inline constexpr char kMessageExpired[] = "MESSAGE_EXPIRED";
inline constexpr char kMessageTypeUnknown[] = "MESSAGE_TYPE_UNKNOWN";
inline constexpr char kPeerUnknown[] = "PEER_UNKNOWN";

// OK, or INVALID_ARGUMENT, reason INVALID_REQUEST, that names each field which cannot stand.
Status CheckEnvelope(const v1::Envelope& envelope);

// The payload of a message of type version 1; INVALID_ARGUMENT, reasons MESSAGE_VERSION_UNKNOWN and
// MESSAGE_MALFORMED.
Status ReadPayload(const v1::Envelope& envelope, google::protobuf::Message& payload);

// Messages with the same one stay in order. One without a key is in order with no other.
const std::string& OrderKeyOf(const v1::Envelope& envelope);

bool IsExpired(const v1::Envelope& envelope, WallTime now);

// True if a refusal counts against the message: false where the receiver could not take it in just
// then, or it was held back by another.
bool CostsATry(const Status& refusal);

// A refusal as it is kept with a message: "UNAVAILABLE REASON: what, and what to do".
std::string ErrorText(const Status& status);

void SetStatus(const Status& status, google::rpc::Status* out);
Status ToStatus(const google::rpc::Status& in);

}  // namespace lockstep::message
