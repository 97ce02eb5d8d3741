#include "common/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/limits.h"

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

  // The queue of the background writer.
  bool writer_runs = false;
  bool writing = false;
  std::condition_variable filled;
  std::condition_variable emptied;
  std::string queue;  // whole lines
  std::int64_t dropped = 0;

  // All under the mutex.
  Meter& MeterOf(std::string_view event);
  bool Allows(Meter& meter) const;
  void Take(const std::string& line);

  void WriteLines();  // the background thread
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

// All of text, or as much as the descriptor takes before it fails. Not stdio: a thread that waits
// for a full pipe would hold the lock of the FILE, and exit() waits for that.
void WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // whoever shares the descriptor made it non-blocking
      pollfd room = {descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written < 0) return;  // nobody there to be told
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Meter& State::MeterOf(std::string_view event) {
  const auto place = meters.find(event);
  if (place != meters.end()) return place->second;
  return meters.emplace(std::string(event), Meter()).first->second;
}

bool State::Allows(Meter& meter) const {
  const auto now = std::chrono::steady_clock::now();
  if (now - meter.window_start >= std::chrono::seconds(1)) {
    meter.window_start = now;
    meter.written = 0;
  }
  return options.lines_per_second <= 0 || meter.written < options.lines_per_second;
}

void State::Take(const std::string& line) {
  if (!writer_runs) {
    WriteAll(options.descriptor, line);
  } else if (queue.size() + line.size() > limits::kLogQueueBytesMax) {
    ++dropped;
  } else {
    queue += line;
    filled.notify_one();
  }
}

void State::WriteLines() {
  std::unique_lock lock(mutex);
  while (true) {
    filled.wait(lock, [this] { return !queue.empty(); });
    std::string lines = std::exchange(queue, {});
    if (dropped > 0) {
      lines += Line(options, Level::kWarning, "log_lines_dropped",
                    {{"lines", std::exchange(dropped, 0)}}, 0);
    }
    const int descriptor = options.descriptor;
    writing = true;
    lock.unlock();
    WriteAll(descriptor, lines);
    lock.lock();
    writing = false;
    if (queue.empty()) emptied.notify_all();
  }
}

}  // namespace

void Configure(const Options& options) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  state.options = options;
  if (options.in_background && !state.writer_runs) {
    state.writer_runs = true;
    std::thread([&state] { state.WriteLines(); }).detach();
  }
}

bool Flush(std::chrono::nanoseconds wait_max) {
  State& state = TheState();
  std::unique_lock lock(state.mutex);
  return state.emptied.wait_for(lock, wait_max,
                                [&state] { return state.queue.empty() && !state.writing; });
}

bool Due(Level level, std::string_view event) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  if (level < state.options.least) return false;
  Meter& meter = state.MeterOf(event);
  if (state.Allows(meter)) return true;
  ++meter.left_out;
  return false;
}

void Write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  State& state = TheState();
  const std::lock_guard lock(state.mutex);
  if (level < state.options.least) return;
  Meter& meter = state.MeterOf(event);
  if (!state.Allows(meter)) {
    ++meter.left_out;
    return;
  }
  ++meter.written;
  state.Take(Line(state.options, level, event, fields, std::exchange(meter.left_out, 0)));
}

}  // namespace lockstep::log
