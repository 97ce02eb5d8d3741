// JSON for programs, always through protobuf's own: messages as they are, and
// google.protobuf.Struct where there is no message. Field names are those of the .proto files.
#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace lockstep::lab {

using Json = google::protobuf::Struct;

// Pretty-printed, ends with a line break.
std::string JsonText(const google::protobuf::Message& message);
// In one line, which ends with a line break.
std::string JsonLine(const google::protobuf::Message& message);

// In one line, which ends with a line break: for what comes piece by piece.
std::string JsonLine(const google::protobuf::Message& message);

// INVALID_ARGUMENT names the file.
StatusOr<Json> ReadJson(const std::filesystem::path& file);

// The text of a field; empty where there is none or it is no text.
std::string TextOf(const Json& json, const std::string& key);

void Put(Json& json, const std::string& key, std::string_view text);
void Put(Json& json, const std::string& key, double number);
void Put(Json& json, const std::string& key, const Json& inner);
void Put(Json& json, const std::string& key, const std::vector<Json>& list);
// In milliseconds.
inline void PutMillis(Json& json, const std::string& key, Duration duration) {
  Put(json, key, std::chrono::duration<double, std::milli>(duration).count());
}
template <class Number>
  requires std::integral<Number>
void Put(Json& json, const std::string& key, Number number) {
  Put(json, key, static_cast<double>(number));
}
// "REASON": 8, ….
template <class Map>
void PutCounts(Json& json, const std::string& key, const Map& counts) {
  Json inner;
  for (const auto& [name, count] : counts) Put(inner, name, static_cast<double>(count));
  Put(json, key, inner);
}

// The message's own JSON, as a Struct.
Json AsJson(const google::protobuf::Message& message);

// An error: code, reason, message and what else it carries.
Json ErrorJson(const Status& status);

}  // namespace lockstep::lab
