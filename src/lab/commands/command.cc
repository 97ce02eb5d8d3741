#include "lab/commands/command.h"

#include "lab/values.h"

namespace lockstep::lab {

int Fail(const Context& context, const Status& status) {
  const ErrorDetail detail = DetailOf(status);
  if (context.is_json) {
    Json json;
    Put(json, "error", ErrorJson(status));
    Print(JsonText(json));
  } else {
    fmt::print(stderr, "lockstep: {}\n", MessageOf(status));
    if (!detail.reason.empty()) {
      fmt::print(stderr, "  {}, {}\n", CodeName(status.code()), detail.reason);
    }
    for (const auto& violations : {detail.violations, detail.preconditions}) {
      for (const FieldViolation& violation : violations) {
        fmt::print(stderr, "  {}: {}\n", violation.field, violation.description);
      }
    }
    for (const auto& [key, value] : detail.metadata) fmt::print(stderr, "  {}: {}\n", key, value);
  }
  static const char* const kOurs[] = {"CSV_INVALID", "VALUE_INVALID", "HISTORY_INVALID",
                                      "FILE_UNREADABLE", "SAMPLES_NOT_FOUND"};
  for (const char* reason : kOurs) {
    if (detail.reason == reason) return kExitUsage;
  }
  const bool is_silent =
      status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded;
  return is_silent ? kExitUnreachable : kExitFailed;
}

CLI::Option* AddServer(CLI::App& app, std::string& node) {
  return app.add_option("--server,--service", node, "order, consumer or restaurant")
      ->check(CLI::IsMember(std::vector<std::string>(kNodes.begin(), kNodes.end())))
      ->capture_default_str();
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name, Duration& value,
                         const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = *ParseDuration(text); }, description)
      ->check(CLI::Validator(Checked(ParseTimeout), ""))
      ->type_name("DURATION");
}

void SetExamples(CLI::App& app, const std::string& examples) {
  app.footer("Examples:\n" + examples);
}

}  // namespace lockstep::lab
