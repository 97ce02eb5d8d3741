#include "common/rpc/request_bytes.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/validate.h"

namespace lockstep::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr int kDepthMax = 32;  // protobuf's own parser stops at 100

// Walks the bytes as if nothing were known of them, beside the descriptor that says what should be
// there.
void FindBadStrings(const UnknownFieldSet& fields, const Descriptor& message,
                    const std::string& prefix, int depth, std::vector<FieldViolation>& found) {
  std::vector<int> seen(static_cast<std::size_t>(message.field_count()), 0);
  for (int i = 0; i < fields.field_count() && found.size() < limits::kViolationsMax; ++i) {
    const UnknownField& value = fields.field(i);
    const FieldDescriptor* field = message.FindFieldByNumber(value.number());
    if (field == nullptr || value.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const int nth = seen[static_cast<std::size_t>(field->index())]++;
    const std::string path = prefix + std::string(field->name()) +
                             (field->is_repeated() ? fmt::format("[{}]", nth) : "");
    if (field->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(value.length_delimited())) {
      found.push_back({path, "must be UTF-8"});
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE && depth < kDepthMax) {
      UnknownFieldSet inner;
      if (inner.ParseFromString(value.length_delimited())) {
        FindBadStrings(inner, *field->message_type(), path + ".", depth + 1, found);
      }
    }
  }
}

}  // namespace

Status ParseRequest(grpc::ByteBuffer& bytes, google::protobuf::Message& request) {
  {
    grpc::ProtoBufferReader reader(&bytes);
    if (reader.status().ok() && request.ParseFromZeroCopyStream(&reader)) return OkStatus();
  }
  grpc::ProtoBufferReader reader(&bytes);
  UnknownFieldSet fields;
  std::vector<FieldViolation> found;
  if (fields.ParseFromZeroCopyStream(&reader)) {
    FindBadStrings(fields, *request.GetDescriptor(), "", 0, found);
  }
  if (!found.empty()) return InvalidRequest(std::move(found));
  return MakeError(
      StatusCode::kInvalidArgument, "MALFORMED_MESSAGE",
      fmt::format("the request's bytes are not a {}; send one encoded by the project's protos",
                  std::string(request.GetDescriptor()->full_name())));
}

}  // namespace lockstep::rpc
