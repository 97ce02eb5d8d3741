// What people read in a terminal: tables, durations, counts. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace lockstep::lab {

enum class Align { kLeft, kRight };

class Table {
 public:
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns. A cell of several lines makes a row of several lines.
  void Add(std::vector<std::string> cells);
  // A line across.
  void AddRule() { rows_.emplace_back(); }
  // A text across all columns. For tables of two columns and more.
  void AddHeading(std::string text) { rows_.push_back({std::move(text)}); }
  bool empty() const { return rows_.empty(); }
  // Ends with a line break; no trailing spaces.
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // without cells a rule, with a single one a heading
};

// Columns that the text takes in a terminal: code points, for the Latin script and the lines drawn
// here.
std::size_t DisplayWidth(std::string_view text);

// "0.42 ms", "12.3 ms", "1,240 ms": milliseconds with three digits that matter.
std::string MillisText(Duration duration);

// "3 s", "2 min 5 s", "1 h 4 min".
std::string SpanText(Duration duration);

// "10,127".
std::string CountText(std::int64_t count);

}  // namespace lockstep::lab
