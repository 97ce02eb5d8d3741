#include "lab/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lockstep::lab {
namespace {

// One value of an enum by its plain name.
StatusOr<int> ParseEnum(const google::protobuf::EnumDescriptor* values, std::string_view prefix,
                        std::string_view what, std::string_view name) {
  std::vector<std::string> known;
  const std::string wanted = EnumName(name, prefix);
  for (int i = 0; i < values->value_count(); ++i) {
    const auto* value = values->value(i);
    if (value->number() == 0) continue;  // …_UNSPECIFIED
    if (value->name() == wanted) return value->number();
    known.push_back(PlainName(value->name(), prefix));
  }
  return MakeError(
      StatusCode::kInvalidArgument, "VALUE_INVALID",
      fmt::format("there is no {} \"{}\"; there are {}", what, name, fmt::join(known, ", ")));
}

}  // namespace

std::string PlainName(std::string_view enum_name, std::string_view prefix) {
  if (enum_name.starts_with(prefix)) enum_name.remove_prefix(prefix.size());
  std::string plain;
  for (const char letter : enum_name) {
    plain += letter == '_'                    ? '-'
             : letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a')
                                              : letter;
  }
  return plain;
}

std::string EnumName(std::string_view plain_name, std::string_view prefix) {
  std::string name(prefix);
  for (const char letter : plain_name) {
    name += letter == '-'                    ? '_'
            : letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A')
                                             : letter;
  }
  return name;
}

std::string StyleName(call::v1::Style style) {
  return PlainName(call::v1::Style_Name(style), "STYLE_");
}

StatusOr<call::v1::Style> ParseStyle(std::string_view name) {
  const StatusOr<int> value = ParseEnum(call::v1::Style_descriptor(), "STYLE_", "style", name);
  if (!value.ok()) return value.status();
  return static_cast<call::v1::Style>(*value);
}

StatusOr<std::vector<call::v1::Style>> ParseStyles(std::string_view names) {
  std::vector<call::v1::Style> styles;
  for (const std::string& name : SplitAt(names, ',')) {
    const StatusOr<call::v1::Style> style = ParseStyle(name);
    if (!style.ok()) return style.status();
    styles.push_back(*style);
  }
  return styles;
}

StatusOr<call::v1::DeadlinePolicy> ParsePolicy(std::string_view name) {
  const StatusOr<int> value =
      ParseEnum(call::v1::DeadlinePolicy_descriptor(), "DEADLINE_POLICY_", "deadline policy", name);
  if (!value.ok()) return value.status();
  return static_cast<call::v1::DeadlinePolicy>(*value);
}

bool AnswersFirst(call::v1::Style style) {
  return style == call::v1::STYLE_DEFERRED || style == call::v1::STYLE_EVENT_DRIVEN;
}

bool JudgesByCopies(call::v1::Style style) {
  return style == call::v1::STYLE_REPLICA || style == call::v1::STYLE_COMMON_DATA;
}

std::vector<std::string> SplitAt(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace lockstep::lab
