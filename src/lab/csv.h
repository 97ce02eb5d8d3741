// Tables in CSV files, as tills and spreadsheets write them: a byte-order mark, CRLF or LF, quoted
// fields. The first row names the columns; every other row has as many fields as it. Parsing is
// libcsv's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace lockstep::lab {

class CsvTable {
 public:
  struct Row {
    int number;  // as a spreadsheet counts: the row of column names is 1
    std::vector<std::string> cells;
  };

  // The name is used in errors. INVALID_ARGUMENT names the file and the row.
  static StatusOr<CsvTable> Parse(std::string_view text, std::string name);
  static StatusOr<CsvTable> Read(const std::filesystem::path& file);

  const std::vector<Row>& rows() const { return rows_; }
  // Where a column stands; INVALID_ARGUMENT, listing the columns there are, where it is missing.
  StatusOr<std::size_t> Column(std::string_view name) const;
  std::optional<std::size_t> OptionalColumn(std::string_view name) const;
  // An error about one row: "menu.csv, row 12: …".
  Status ErrorAt(const Row& row, std::string_view what) const;

 private:
  std::string name_;
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

}  // namespace lockstep::lab
