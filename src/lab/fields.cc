#include "lab/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>

#include "common/base/limits.h"
#include "common/rpc/proto_values.h"
#include "lab/names.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Status Invalid(std::string message) {
  return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID", std::move(message));
}

// What all values of an enum begin with: "STYLE_" of STYLE_UNSPECIFIED.
std::string PrefixOf(const EnumDescriptor* values) {
  const std::string& first = values->value(0)->name();
  return first.substr(0, first.rfind("UNSPECIFIED"));
}

bool IsDuration(const FieldDescriptor* field) {
  return field->message_type() != nullptr &&
         field->message_type() == google::protobuf::Duration::descriptor();
}

bool IsTime(const FieldDescriptor* field) {
  return field->message_type() != nullptr &&
         field->message_type() == google::protobuf::Timestamp::descriptor();
}

std::string MessageText(const Message& message, const FieldDescriptor* field) {
  const Message& inner = message.GetReflection()->GetMessage(message, field);
  if (IsDuration(field)) {
    return MillisText(rpc::ToDuration(dynamic_cast<const google::protobuf::Duration&>(inner)));
  }
  return google::protobuf::util::TimeUtil::ToString(
      dynamic_cast<const google::protobuf::Timestamp&>(inner));
}

std::string ScalarText(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return fmt::format("{}", reflection->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return fmt::format("{}", reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return PlainName(reflection->GetEnum(message, field)->name(), PrefixOf(field->enum_type()));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(message, field);
    default:
      return "";
  }
}

void Collect(const Message& message, const std::string& prefix,
             std::vector<std::pair<std::string, std::string>>& texts) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_repeated()) continue;
    const std::string path = prefix + field->name();
    const bool is_message = field->message_type() != nullptr;
    const bool is_set = !is_message || message.GetReflection()->HasField(message, field);
    if (IsDuration(field) || IsTime(field)) {
      texts.emplace_back(path, is_set ? MessageText(message, field) : "");
    } else if (is_message) {
      if (is_set) Collect(message.GetReflection()->GetMessage(message, field), path + ".", texts);
    } else {
      texts.emplace_back(path, ScalarText(message, field));
    }
  }
}

Status SetDurationField(Message& message, const FieldDescriptor* field, const std::string& text) {
  if (text == "none") {
    message.GetReflection()->ClearField(&message, field);
    return OkStatus();
  }
  // What is too long for this field the server will say.
  const StatusOr<Duration> duration = ParseDuration(text, limits::kLongTimeMax);
  if (!duration.ok()) return duration.status();
  rpc::SetDuration(*duration, dynamic_cast<google::protobuf::Duration*>(
                                  message.GetReflection()->MutableMessage(&message, field)));
  return OkStatus();
}

Status SetEnumField(Message& message, const FieldDescriptor* field, const std::string& text) {
  const std::string prefix = PrefixOf(field->enum_type());
  const auto* value = field->enum_type()->FindValueByName(EnumName(text, prefix));
  if (value == nullptr || value->number() == 0) {
    std::vector<std::string> known;
    for (int i = 1; i < field->enum_type()->value_count(); ++i) {
      known.push_back(PlainName(field->enum_type()->value(i)->name(), prefix));
    }
    return Invalid(
        fmt::format("{} takes {}, not \"{}\"", field->name(), fmt::join(known, ", "), text));
  }
  message.GetReflection()->SetEnum(&message, field, value);
  return OkStatus();
}

Status SetScalar(Message& message, const FieldDescriptor* field, const std::string& text) {
  const auto* reflection = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    if (text != "true" && text != "false") {
      return Invalid(fmt::format("{} takes true or false, not \"{}\"", field->name(), text));
    }
    reflection->SetBool(&message, field, text == "true");
    return OkStatus();
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
    std::int32_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
      return Invalid(fmt::format("{} takes a whole number, not \"{}\"", field->name(), text));
    }
    reflection->SetInt32(&message, field, number);
    return OkStatus();
  }
  return Invalid(fmt::format("{} cannot be set", field->name()));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> FieldTexts(const Message& message) {
  std::vector<std::pair<std::string, std::string>> texts;
  Collect(message, "", texts);
  return texts;
}

Status SetField(Message& message, const std::string& path, const std::string& text) {
  Message* owner = &message;
  const std::vector<std::string> names = SplitAt(path, '.');
  for (std::size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = owner->GetDescriptor()->FindFieldByName(names[i]);
    const bool is_last = i + 1 == names.size();
    if (field == nullptr || field->is_repeated()) break;
    const bool is_group = field->message_type() != nullptr && !IsDuration(field) && !IsTime(field);
    if (is_last == is_group) break;  // a group alone, or a path through a value
    if (is_group) {
      owner = owner->GetReflection()->MutableMessage(owner, field);
    } else if (IsDuration(field)) {
      return SetDurationField(*owner, field, text);
    } else if (field->enum_type() != nullptr) {
      return SetEnumField(*owner, field, text);
    } else {
      return SetScalar(*owner, field, text);
    }
  }
  std::vector<std::string> known;
  for (const auto& [name, value] : FieldTexts(message)) known.push_back(name);
  return Invalid(
      fmt::format("there is no field \"{}\"; there are {}", path, fmt::join(known, ", ")));
}

}  // namespace lockstep::lab
