// Structured logs to stderr: one line an event, as text for people or JSON for programs. Threads:
// any; a line is written whole. Each event name has a rate limit of its own: what is left out is
// counted, and the count is written with the next line of that event.
#pragma once

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
  int lines_per_second = 20;  // of one event name; 0: no limit
  std::string node;           // written into each line
};

// Before other threads start.
void Configure(const Options& options);

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
