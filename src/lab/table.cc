#include "lab/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/check.h"

namespace lockstep::lab {
namespace {

constexpr std::string_view kGap = "  ";

std::vector<std::string> Lines(const std::string& cell) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end; (end = cell.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(cell.substr(begin, end - begin));
  }
  lines.push_back(cell.substr(begin));
  return lines;
}

std::string Padded(const std::string& text, std::size_t width, Align align) {
  const std::string spaces(width - std::min(width, DisplayWidth(text)), ' ');
  return align == Align::kLeft ? text + spaces : spaces + text;
}

void AppendLine(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line;
  out += '\n';
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;  // not a continuation byte
  }));
}

void Table::Add(std::vector<std::string> cells) {
  LOCKSTEP_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = DisplayWidth(columns_[c].heading);
    for (const auto& row : rows_) {
      if (row.size() != columns_.size()) continue;
      for (const std::string& line : Lines(row[c])) width = std::max(width, DisplayWidth(line));
    }
    widths.push_back(width);
  }
  std::size_t whole = kGap.size() * (columns_.size() - 1);
  for (const std::size_t width : widths) whole += width;
  std::string rule;
  for (std::size_t i = 0; i < whole; ++i) rule += "─";

  std::string out;
  const auto append_row = [&](const std::vector<std::string>& cells) {
    std::vector<std::vector<std::string>> lines;
    std::size_t height = 1;
    for (const std::string& cell : cells) {
      lines.push_back(Lines(cell));
      height = std::max(height, lines.back().size());
    }
    for (std::size_t l = 0; l < height; ++l) {
      std::string text;
      for (std::size_t c = 0; c < cells.size(); ++c) {
        if (c > 0) text += kGap;
        text += Padded(l < lines[c].size() ? lines[c][l] : "", widths[c], columns_[c].align);
      }
      AppendLine(out, std::move(text));
    }
  };
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  append_row(headings);
  AppendLine(out, rule);
  for (const auto& row : rows_) {
    if (row.empty()) {
      AppendLine(out, rule);
    } else if (row.size() != columns_.size()) {
      AppendLine(out, row.front());
    } else {
      append_row(row);
    }
  }
  return out;
}

std::string MillisText(Duration duration) {
  const double millis = std::chrono::duration<double, std::milli>(duration).count();
  const double size = std::abs(millis);
  if (size >= 999.5)
    return CountText(static_cast<std::int64_t>(millis + (millis < 0 ? -0.5 : 0.5))) + " ms";
  if (size >= 99.95) return fmt::format("{:.0f} ms", millis);
  if (size >= 9.995) return fmt::format("{:.1f} ms", millis);
  return fmt::format("{:.2f} ms", millis);
}

std::string SpanText(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string CountText(std::int64_t count) {
  std::string digits = fmt::format("{}", count < 0 ? -count : count);
  for (std::ptrdiff_t place = std::ssize(digits) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  }
  return count < 0 ? "-" + digits : digits;
}

}  // namespace lockstep::lab
