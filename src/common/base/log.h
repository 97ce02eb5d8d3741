// Structured logs to stderr: one line an event, as text for people or JSON for programs. Threads:
// any; a line is written whole. Each event name has a rate limit of its own: what is left out is
// counted, and the count is written with the next line of that event.
//
// In a server the lines go through a bounded queue to a thread that writes them, because stderr may
// be a pipe that nobody reads, and a completion loop must not wait for it. What finds the queue
// full is dropped and counted; the count is a line of its own, "log_lines_dropped", later.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace lockstep::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

struct Options {
  Format format = Format::kText;
  Level least = Level::kInfo;
  int lines_per_second = 20;   // of one event name; 0: no limit
  std::string node = {};       // written into each line
  bool in_background = false;  // true: Write never waits; call Flush before the process ends
  int descriptor = 2;          // where lines go
};

// Before other threads write. With in_background it starts a thread, which lives as long as the
// process.
void Configure(const Options& options);

// Waits until what was written so far has left the queue, at most so long: who does not read stderr
// does not keep the process. True if it has.
bool Flush(std::chrono::nanoseconds wait_max);

struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  Field(std::string_view k, int v) : key(k), value(std::int64_t{v}) {}
  Field(std::string_view k, std::int64_t v) : key(k), value(v) {}
};

// False if a line of this event would be left out now, by its level or by the rate limit; it is
// then counted as left out. For lines that cost something to make: true means make it and Write it.
bool Due(Level level, std::string_view event);

// event: a fixed, short name, "call_failed".
void Write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void Info(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kInfo, event, fields);
}
inline void Warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kWarning, event, fields);
}
inline void Error(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kError, event, fields);
}

}  // namespace lockstep::log
