#include "common/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

namespace lockstep::log {
namespace {

struct Meter {
  std::chrono::steady_clock::time_point window_start;
  int written = 0;
  std::int64_t left_out = 0;
};

struct State {
  std::mutex mutex;
  Options options;
  std::map<std::string, Meter, std::less<>> meters;
};

State& TheState() {
  static State* const state = new State;  // never destroyed: threads may log while the process ends
  return *state;
}

constexpr std::string_view kLevelNames[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

// JSON's escapes (RFC 8259, section 7); also used for quoted text.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void AppendValue(std::string& out, const Field& field, Format format) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    const bool plain =
        !text->empty() && text->find_first_of(" \"\\=\n\r\t") == std::string_view::npos;
    if (format == Format::kText && plain) {
      out += *text;
    } else {
      AppendQuoted(out, *text);
    }
  } else {
    std::visit([&out](const auto& value) { fmt::format_to(std::back_inserter(out), "{}", value); },
               field.value);
  }
}

std::string Line(const Options& options, Level level, std::string_view event,
                 std::initializer_list<Field> fields, std::int64_t left_out) {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds).count();
  const std::string time =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                  fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), millis);
  const std::string_view name = kLevelNames[static_cast<int>(level)];
  const bool json = options.format == Format::kJson;
  std::string line =
      json ? fmt::format(R"({{"time":"{}","level":"{}","event":"{}")", time, name, event)
           : fmt::format("{} {} {}", time, name, event);
  const auto append = [&](const Field& field) {
    if (json) {
      line += ',';
      AppendQuoted(line, field.key);
      line += ':';
    } else {
      line += ' ';
      line += field.key;
      line += '=';
    }
    AppendValue(line, field, options.format);
  };
  if (!options.node.empty()) append(Field("node", options.node));
  for (const Field& field : fields) append(field);
  if (left_out > 0) append(Field("left_out", left_out));
  line += json ? "}\n" : "\n";
  return line;
}

}  // namespace

void Configure(const Options& options) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.options = options;
}

void Write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  if (level < state.options.least) return;
  auto place = state.meters.find(event);
  if (place == state.meters.end()) place = state.meters.emplace(std::string(event), Meter()).first;
  Meter& meter = place->second;
  const auto now = std::chrono::steady_clock::now();
  if (now - meter.window_start >= std::chrono::seconds(1)) {
    meter.window_start = now;
    meter.written = 0;
  }
  if (state.options.lines_per_second > 0 && meter.written >= state.options.lines_per_second) {
    ++meter.left_out;
    return;
  }
  ++meter.written;
  const std::string line =
      Line(state.options, level, event, fields, std::exchange(meter.left_out, 0));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace lockstep::log
