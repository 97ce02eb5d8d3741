#include "lab/json.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <iterator>

#include "common/base/check.h"

namespace lockstep::lab {
namespace {

namespace util = google::protobuf::util;

std::string Print(const google::protobuf::Message& message, bool pretty) {
  util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.preserve_proto_field_names = true;
  std::string text;
  LOCKSTEP_CHECK(util::MessageToJsonString(message, &text, options).ok());
  return text;
}

}  // namespace

std::string JsonText(const google::protobuf::Message& message) {
  std::string text = Print(message, true);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

std::string JsonLine(const google::protobuf::Message& message) {
  return Print(message, false) + "\n";
}

StatusOr<Json> ReadJson(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  Json json;
  if (!stream || !util::JsonStringToMessage(text, &json).ok()) {
    return MakeError(StatusCode::kInvalidArgument, "FILE_UNREADABLE",
                     fmt::format("{}: cannot be read as JSON", file.string()));
  }
  return json;
}

std::string TextOf(const Json& json, const std::string& key) {
  const auto found = json.fields().find(key);
  return found == json.fields().end() ? "" : found->second.string_value();
}

void Put(Json& json, const std::string& key, std::string_view text) {
  (*json.mutable_fields())[key].set_string_value(std::string(text));
}

void Put(Json& json, const std::string& key, double number) {
  (*json.mutable_fields())[key].set_number_value(number);
}

void Put(Json& json, const std::string& key, const Json& inner) {
  *(*json.mutable_fields())[key].mutable_struct_value() = inner;
}

void Put(Json& json, const std::string& key, const std::vector<Json>& list) {
  google::protobuf::ListValue& values = *(*json.mutable_fields())[key].mutable_list_value();
  for (const Json& element : list) *values.add_values()->mutable_struct_value() = element;
}

Json AsJson(const google::protobuf::Message& message) {
  Json json;
  LOCKSTEP_CHECK(util::JsonStringToMessage(Print(message, false), &json).ok());
  return json;
}

Json ErrorJson(const Status& status) {
  const ErrorDetail detail = DetailOf(status);
  Json json;
  Put(json, "code", CodeName(status.code()));
  if (!detail.reason.empty()) Put(json, "reason", detail.reason);
  Put(json, "message", MessageOf(status));
  Json metadata;
  for (const auto& [key, value] : detail.metadata) Put(metadata, key, value);
  if (!detail.metadata.empty()) Put(json, "metadata", metadata);
  std::vector<Json> fields;
  for (const auto& violations : {detail.violations, detail.preconditions}) {
    for (const FieldViolation& violation : violations) {
      Json field;
      Put(field, "field", violation.field);
      Put(field, "description", violation.description);
      fields.push_back(field);
    }
  }
  if (!fields.empty()) Put(json, "violations", fields);
  return json;
}

}  // namespace lockstep::lab
