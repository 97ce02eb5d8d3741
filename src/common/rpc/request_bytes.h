// Parses a request. What cannot be parsed is an INVALID_ARGUMENT that names the string field which
// is not UTF-8, or says that the bytes are no such message.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "common/base/status.h"

namespace lockstep::rpc {

Status ParseRequest(grpc::ByteBuffer& bytes, google::protobuf::Message& request);

}  // namespace lockstep::rpc
