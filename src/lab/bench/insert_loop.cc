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

// Rows of one order in one statement, as the order service inserts lines.
constexpr std::size_t kRowsAStatement = 8;

// The rows of one table, in the order in which their orders were placed.
struct Table {
  std::string name;
  std::size_t columns = 0;
  std::size_t order_id = 0;      // which column that is
  std::vector<Value> values;     // row after row
  std::vector<Prepared> insert;  // of one row, of two …
  std::size_t next = 0;          // row

  std::size_t rows() const { return values.size() / columns; }
  std::string_view order_of(std::size_t row) const {
    sqlite3_value* id = values[row * columns + order_id].get();
    const auto* bytes = static_cast<const char*>(sqlite3_value_blob(id));
    return {bytes, static_cast<std::size_t>(sqlite3_value_bytes(id))};
  }
};

// Without columns, if the table's rows are of no order.
Table ReadTable(const Connection& from, const std::string& name) {
  Table table;
  table.name = name;
  bool of_orders = false;
  const Prepared info =
      Prepare(from, fmt::format("SELECT name FROM pragma_table_info('{}')", name));
  while (sqlite3_step(info.get()) == SQLITE_ROW) {
    if (TextOf(info, 0) == "order_id") {
      table.order_id = table.columns;
      of_orders = true;
    }
    ++table.columns;
  }
  if (!of_orders) return Table();
  const Prepared rows = Prepare(from, fmt::format("SELECT * FROM \"{}\" ORDER BY order_id", name));
  while (sqlite3_step(rows.get()) == SQLITE_ROW) {
    for (std::size_t i = 0; i < table.columns; ++i)
      table.values.emplace_back(
          sqlite3_value_dup(sqlite3_column_value(rows.get(), static_cast<int>(i))));
  }
  return table;
}

void PrepareInserts(const Connection& to, Table& table) {
  std::string row;
  for (std::size_t i = 0; i < table.columns; ++i) row += i == 0 ? "(?" : ", ?";
  row += ")";
  std::string sql = fmt::format("INSERT INTO \"{}\" VALUES {}", table.name, row);
  for (std::size_t count = 1; count <= kRowsAStatement; ++count) {
    table.insert.push_back(Prepare(to, sql));
    sql += ", " + row;
  }
}

// The tables with rows for orders, `orders` first; the schema of all goes into the new file.
std::vector<Table> ReadOrders(const std::string& path, const Connection& to) {
  const Connection from = Open(path, SQLITE_OPEN_READONLY);
  std::vector<Table> tables;
  const Prepared schema = Prepare(from,
                                  "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
                                  "AND name NOT LIKE 'sqlite_%' "
                                  "ORDER BY type != 'table', name != 'orders', rowid");
  while (sqlite3_step(schema.get()) == SQLITE_ROW) {
    Execute(to, TextOf(schema, 2));
    if (TextOf(schema, 0) != "table") continue;
    Table table = ReadTable(from, TextOf(schema, 1));
    if (table.columns > 0) tables.push_back(std::move(table));
  }
  if (tables.empty() || tables[0].name != "orders" || tables[0].rows() < 1000) {
    fmt::print(stderr, "{} does not have 1000 orders\n", path);
    std::exit(1);
  }
  for (Table& table : tables) PrepareInserts(to, table);
  return tables;
}

// What the table has of this order.
void InsertRows(const Connection& to, Table& table, std::string_view order) {
  while (table.next < table.rows() && table.order_of(table.next) == order) {
    std::size_t count = 1;
    while (count < kRowsAStatement && table.next + count < table.rows() &&
           table.order_of(table.next + count) == order)
      ++count;
    sqlite3_stmt* insert = table.insert[count - 1].get();
    for (std::size_t i = 0; i < count * table.columns; ++i)
      sqlite3_bind_value(insert, static_cast<int>(i) + 1,
                         table.values[table.next * table.columns + i].get());
    table.next += count;
    Check(sqlite3_step(insert) == SQLITE_DONE, to.get(), table.name);
    sqlite3_reset(insert);
  }
}

}  // namespace

int RunInsertLoop(const InsertLoop& options) {
  const Connection to = Open(options.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  Execute(to, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  std::vector<Table> tables = ReadOrders(options.like, to);
  const std::size_t orders = tables[0].rows();
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
    for (std::size_t i = done; i < until; ++i) {
      const std::string_view order = tables[0].order_of(i);
      for (Table& table : tables) InsertRows(to, table, order);
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
  for (Table& table : tables) table.insert.clear();
  return 0;
}

}  // namespace lockstep::lab
