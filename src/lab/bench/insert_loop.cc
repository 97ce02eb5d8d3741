#include "lab/bench/insert_loop.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "lab/bench/process.h"

namespace lockstep::lab {
namespace {

struct Close {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Connection = std::unique_ptr<sqlite3, Close>;
using Prepared = std::unique_ptr<sqlite3_stmt, Close>;
using Value = std::unique_ptr<sqlite3_value, Close>;

void Check(bool fine, sqlite3* connection, std::string_view doing) {
  if (fine) return;
  fmt::print(stderr, "{}: {}\n", doing, sqlite3_errmsg(connection));
  std::exit(1);
}

Connection Open(const std::string& path, int flags) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  Check(code == SQLITE_OK, connection, path);
  return Connection(connection);
}

void Execute(const Connection& connection, const std::string& sql) {
  Check(sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
        connection.get(), sql);
}

Prepared Prepare(const Connection& connection, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v2(connection.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK,
        connection.get(), sql);
  return Prepared(statement);
}

std::string TextOf(const Prepared& row, int column) {
  const void* text = sqlite3_column_text(row.get(), column);
  return text == nullptr ? "" : static_cast<const char*>(text);
}

// The rows of one table, in the order in which their orders were placed.
struct Table {
  std::string name;
  int columns = 0;
  std::vector<Value> values;  // row after row
  Prepared insert;
  std::size_t next = 0;  // row

  std::size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
};

Table ReadTable(const Connection& from, const std::string& name) {
  Table table{.name = name, .columns = 0, .values = {}, .insert = nullptr};
  bool has_order_id = false;
  {
    const Prepared info =
        Prepare(from, fmt::format("SELECT name FROM pragma_table_info('{}')", name));
    while (sqlite3_step(info.get()) == SQLITE_ROW) {
      ++table.columns;
      has_order_id = has_order_id || TextOf(info, 0) == "order_id";
    }
  }
  const Prepared rows = Prepare(
      from, fmt::format("SELECT * FROM \"{}\"{}", name, has_order_id ? " ORDER BY order_id" : ""));
  while (sqlite3_step(rows.get()) == SQLITE_ROW) {
    for (int i = 0; i < table.columns; ++i)
      table.values.emplace_back(sqlite3_value_dup(sqlite3_column_value(rows.get(), i)));
  }
  return table;
}

// The tables with rows for each order, and the schema of all into the new file.
std::vector<Table> ReadOrders(const std::string& path, const Connection& to) {
  const Connection from = Open(path, SQLITE_OPEN_READONLY);
  std::vector<Table> tables;
  std::vector<std::string> names;
  const Prepared schema = Prepare(from,
                                  "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
                                  "AND name NOT LIKE 'sqlite_%' "
                                  "ORDER BY type != 'table', rowid");
  while (sqlite3_step(schema.get()) == SQLITE_ROW) {
    Execute(to, TextOf(schema, 2));
    if (TextOf(schema, 0) == "table") names.push_back(TextOf(schema, 1));
  }
  std::size_t orders = 0;
  for (const std::string& name : names) {
    tables.push_back(ReadTable(from, name));
    if (name == "orders") orders = tables.back().rows();
  }
  if (orders < 1000) {
    fmt::print(stderr, "{} has {} orders, fewer than 1000\n", path, orders);
    std::exit(1);
  }
  // A table that does not grow with the orders is none of theirs. The largest place of all tables
  // that remain is the same number of orders.
  std::erase_if(tables, [orders](const Table& table) { return table.rows() < orders / 2; });
  for (Table& table : tables) {
    std::string marks;
    for (int i = 0; i < table.columns; ++i) marks += i == 0 ? "?" : ", ?";
    table.insert = Prepare(to, fmt::format("INSERT INTO \"{}\" VALUES ({})", table.name, marks));
  }
  return tables;
}

void InsertRow(const Connection& to, Table& table) {
  for (int i = 0; i < table.columns; ++i)
    sqlite3_bind_value(table.insert.get(), i + 1,
                       table.values[table.next * table.columns + i].get());
  ++table.next;
  Check(sqlite3_step(table.insert.get()) == SQLITE_DONE, to.get(), table.name);
  sqlite3_reset(table.insert.get());
}

}  // namespace

int RunInsertLoop(const InsertLoop& options) {
  const Connection to = Open(options.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  Execute(to, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  std::vector<Table> tables = ReadOrders(options.like, to);
  const auto orders_table = std::find_if(tables.begin(), tables.end(),
                                         [](const Table& table) { return table.name == "orders"; });
  const std::size_t orders = orders_table->rows();
  const Prepared begin = Prepare(to, "BEGIN IMMEDIATE");
  const Prepared commit = Prepare(to, "COMMIT");
  std::size_t done = 0;
  std::size_t counted_from = 0;
  double cpu = CpuSeconds(0);
  std::int64_t started = MonotonicNanos();
  const auto seconds = [&started] {
    return 1e-9 * static_cast<double>(MonotonicNanos() - started);
  };
  while (done < orders && (counted_from == 0 || seconds() < options.seconds)) {
    if (counted_from == 0 && done >= static_cast<std::size_t>(options.warm_up_orders)) {
      counted_from = done;
      cpu = CpuSeconds(0);
      started = MonotonicNanos();
    }
    const std::size_t until = std::min(orders, done + static_cast<std::size_t>(options.batch));
    sqlite3_step(begin.get());
    sqlite3_reset(begin.get());
    for (Table& table : tables) {
      const std::size_t rows = table.rows() * until / orders;
      while (table.next < rows) InsertRow(to, table);
    }
    Check(sqlite3_step(commit.get()) == SQLITE_DONE, to.get(), "COMMIT");
    sqlite3_reset(commit.get());
    done = until;
  }
  const double took = seconds();
  cpu = CpuSeconds(0) - cpu;
  std::size_t rows = 0;
  for (const Table& table : tables) rows += table.rows();
  JsonObject()
      .Add("orders", static_cast<std::int64_t>(done - counted_from))
      .Add("seconds", took)
      .Add("cpu_seconds", cpu)
      .Add("rows_per_order", static_cast<double>(rows) / static_cast<double>(orders))
      .Print();
  for (Table& table : tables) table.insert.reset();
  return 0;
}

}  // namespace lockstep::lab
