// CSV as tills and spreadsheets write it, and what is said where it is broken.
#include "lab/csv.h"

#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

TEST_CASE("a byte-order mark, CRLF and quoted fields are read as a spreadsheet reads them") {
  const auto table = CsvTable::Parse(
      "\xEF\xBB\xBFItem Name,Product Price\r\n\"Fish, Chips and \"\"Peas\"\"\",12.45\r\nNaan,2\r\n",
      "menu.csv");
  REQUIRE(table.ok());
  REQUIRE(*table->Column("Item Name") == 0);  // and not "\xEF\xBB\xBFItem Name"
  REQUIRE(table->rows().size() == 2);
  REQUIRE(table->rows()[0].cells[0] == "Fish, Chips and \"Peas\"");
  REQUIRE(table->rows()[1].cells[1] == "2");
  REQUIRE(table->rows()[1].number == 3);
}

TEST_CASE("a last row without a line break, and LF alone, are read") {
  const auto table = CsvTable::Parse("a,b\n1,2\n3,4", "t.csv");
  REQUIRE(table.ok());
  REQUIRE(table->rows().size() == 2);
  REQUIRE(table->rows()[1].cells[1] == "4");
}

TEST_CASE("a row with too few or too many fields is an error that names the row") {
  for (const char* text : {"a,b\n1,2\n3\n", "a,b\n1,2\n3,4,5\n"}) {
    const auto table = CsvTable::Parse(text, "t.csv");
    REQUIRE_FALSE(table.ok());
    REQUIRE_THAT(MessageOf(table.status()), Catch::Contains("t.csv, row 3"));
  }
}

TEST_CASE("a quotation mark that is not closed is an error, not a field of many rows") {
  const auto table = CsvTable::Parse("a,b\n1,\"2\n3,4\n", "t.csv");
  REQUIRE_FALSE(table.ok());
  REQUIRE_THAT(MessageOf(table.status()), Catch::Contains("not closed"));
}

TEST_CASE("a missing column is an error that lists the columns there are") {
  const auto table = CsvTable::Parse("Name,Price\n", "t.csv");
  REQUIRE(table.ok());
  REQUIRE_THAT(MessageOf(table->Column("Item Name").status()), Catch::Contains("Name, Price"));
  REQUIRE_FALSE(table->OptionalColumn("Item Name").has_value());
}

TEST_CASE("an empty file, a file that is not there and a folder are errors that name it") {
  REQUIRE_FALSE(CsvTable::Parse("", "t.csv").ok());
  REQUIRE_THAT(MessageOf(CsvTable::Read("/nowhere/t.csv").status()),
               Catch::Contains("/nowhere/t.csv"));
  REQUIRE_THAT(MessageOf(CsvTable::Read("/tmp").status()), Catch::Contains("/tmp"));
}

}  // namespace
}  // namespace lockstep::lab
