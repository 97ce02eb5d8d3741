#include "lab/csv.h"

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace lockstep::lab {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Collected {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
};

void OnField(void* text, std::size_t size, void* collected) {
  static_cast<Collected*>(collected)->row.emplace_back(static_cast<const char*>(text), size);
}

void OnRow(int /*terminator*/, void* collected) {
  auto* all = static_cast<Collected*>(collected);
  all->rows.push_back(std::move(all->row));
  all->row.clear();
}

// libcsv's parser, freed whatever happens.
struct Parser {
  csv_parser parser;
  bool ready = csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
  Parser() = default;
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    if (ready) csv_free(&parser);
  }
};

Status Invalid(std::string message) {
  return MakeError(StatusCode::kInvalidArgument, "CSV_INVALID", std::move(message));
}

}  // namespace

StatusOr<CsvTable> CsvTable::Parse(std::string_view text, std::string name) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Collected collected;
  Parser parser;
  const bool whole = parser.ready &&
                     csv_parse(&parser.parser, text.data(), text.size(), OnField, OnRow,
                               &collected) == text.size() &&
                     csv_fini(&parser.parser, OnField, OnRow, &collected) == 0;
  if (!whole) {
    return Invalid(fmt::format(
        "{}, row {}: a quotation mark that is not closed, or stands inside a field; a field that "
        "holds one is put in quotation marks and the mark doubled",
        name, collected.rows.size() + 1));
  }
  if (collected.rows.empty()) {
    return Invalid(fmt::format("{}: is empty; its first row must name the columns", name));
  }
  CsvTable table;
  table.name_ = std::move(name);
  table.columns_ = std::move(collected.rows.front());
  for (std::size_t i = 1; i < collected.rows.size(); ++i) {
    Row row{static_cast<int>(i + 1), std::move(collected.rows[i])};
    if (row.cells.size() != table.columns_.size()) {
      return table.ErrorAt(row, fmt::format("has {} fields, but there are {} columns",
                                            row.cells.size(), table.columns_.size()));
    }
    table.rows_.push_back(std::move(row));
  }
  return table;
}

StatusOr<CsvTable> CsvTable::Read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code error;
  if (!stream || std::filesystem::is_directory(file, error)) {
    return MakeError(StatusCode::kNotFound, "FILE_UNREADABLE",
                     fmt::format("{}: cannot be opened for reading", file.string()));
  }
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return Parse(text, file.string());
}

std::optional<std::size_t> CsvTable::OptionalColumn(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

StatusOr<std::size_t> CsvTable::Column(std::string_view name) const {
  if (const auto index = OptionalColumn(name)) return *index;
  return Invalid(fmt::format("{}: has no column \"{}\"; its columns are {}", name_, name,
                             fmt::join(columns_, ", ")));
}

Status CsvTable::ErrorAt(const Row& row, std::string_view what) const {
  return Invalid(fmt::format("{}, row {}: {}", name_, row.number, what));
}

}  // namespace lockstep::lab
