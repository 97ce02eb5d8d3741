// Errors on the wire: google.rpc.Status with ErrorInfo (domain "lockstep"), the detail that fits
// it, and the receipt. gRPC clients of every language accept at least 8 KiB of trailing metadata,
// so the details are kept under limits::kErrorDetailBytesMax, and the message, which stands in them
// and beside them, under kErrorMessageBytesMax. What goes first is the receipt's downstream
// receipts, then the receipt, then the violations past the first few.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <string>

#include "common/base/status.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::rpc {

inline constexpr char kErrorDomain[] = "lockstep";

// receipt: may be null.
grpc::Status ToGrpcStatus(const Status& status, const call::v1::Receipt* receipt);

// What came from a peer, with reason, metadata, violations and retry advice; plain where the peer
// sent no details.
Status FromGrpcStatus(const grpc::Status& status);

// The receipt in an error's details; false if there is none.
bool ReceiptOf(const grpc::Status& status, call::v1::Receipt& receipt);

}  // namespace lockstep::rpc
