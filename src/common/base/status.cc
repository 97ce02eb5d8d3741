#include "common/base/status.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "absl/strings/cord.h"

namespace lockstep {
namespace {

constexpr char kDetailUrl[] = "lockstep/error-detail";

// The payload is a list of strings, each with its length before it: "3:abc". Written and read only
// here.
class Writer {
 public:
  void Put(std::string_view text) {
    out_ += std::to_string(text.size());
    out_ += ':';
    out_ += text;
  }
  void Put(std::size_t count) { Put(std::to_string(count)); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::string Text() {
    const std::size_t colon = in_.find(':');
    std::size_t size = 0;
    if (colon == std::string_view::npos ||
        std::from_chars(in_.data(), in_.data() + colon, size).ec != std::errc() ||
        size > in_.size() - colon - 1) {
      in_ = {};
      return {};
    }
    std::string text(in_.substr(colon + 1, size));
    in_.remove_prefix(colon + 1 + size);
    return text;
  }

  std::size_t Count() {
    const std::string text = Text();
    std::size_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
  }

 private:
  std::string_view in_;
};

void PutViolations(Writer& writer, const std::vector<FieldViolation>& violations) {
  writer.Put(violations.size());
  for (const FieldViolation& violation : violations) {
    writer.Put(violation.field);
    writer.Put(violation.description);
  }
}

std::vector<FieldViolation> TakeViolations(Reader& reader) {
  std::vector<FieldViolation> violations;
  for (std::size_t left = reader.Count(); left > 0; --left) {
    std::string field = reader.Text();
    violations.push_back({std::move(field), reader.Text()});
  }
  return violations;
}

}  // namespace

Status MakeError(StatusCode code, std::string message, ErrorDetail detail) {
  Status status(code, message);
  Writer writer;
  writer.Put(detail.reason);
  writer.Put(detail.metadata.size());
  for (const auto& [key, value] : detail.metadata) {
    writer.Put(key);
    writer.Put(value);
  }
  PutViolations(writer, detail.violations);
  PutViolations(writer, detail.preconditions);
  writer.Put(detail.retry_after ? std::to_string(detail.retry_after->count()) : std::string());
  status.SetPayload(kDetailUrl, absl::Cord(writer.Take()));
  return status;
}

Status MakeError(StatusCode code, std::string reason, std::string message) {
  ErrorDetail detail;
  detail.reason = std::move(reason);
  return MakeError(code, std::move(message), std::move(detail));
}

Status InvalidRequest(std::vector<FieldViolation> violations) {
  if (violations.empty()) return OkStatus();
  std::string message;
  for (const FieldViolation& violation : violations) {
    if (!message.empty()) message += "; ";
    message += violation.field + ": " + violation.description;
  }
  ErrorDetail detail;
  detail.reason = "INVALID_REQUEST";
  detail.violations = std::move(violations);
  return MakeError(StatusCode::kInvalidArgument, std::move(message), std::move(detail));
}

ErrorDetail DetailOf(const Status& status) {
  ErrorDetail detail;
  const auto payload = status.GetPayload(kDetailUrl);
  if (!payload.has_value()) return detail;
  const std::string text(*payload);
  Reader reader(text);
  detail.reason = reader.Text();
  for (std::size_t left = reader.Count(); left > 0; --left) {
    std::string key = reader.Text();
    detail.metadata.emplace(std::move(key), reader.Text());
  }
  detail.violations = TakeViolations(reader);
  detail.preconditions = TakeViolations(reader);
  if (const std::string millis = reader.Text(); !millis.empty()) {
    detail.retry_after = std::chrono::milliseconds(std::stoll(millis));
  }
  return detail;
}

std::string MessageOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

std::string CodeName(StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace lockstep
