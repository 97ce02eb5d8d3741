// One prepared statement of a connection's cache, bound, stepped and given back:
//
//   Statement row = db.Query("SELECT name, age FROM people WHERE city = ?1", city);
//   while (row.Step()) people.push_back({std::string(row.Text(0)), row.Int64(1)});
//   if (Status status = row.Finish(); !status.ok()) return status;
//
// The first error sticks: every later call does nothing, Step returns false and Finish returns it.
// An error that nobody fetched by Finish is not lost: it fails the transaction, or the read, that
// the statement was part of. Threads: that of its Database. A Statement is reset when it has no
// more rows, at Finish and at its end, so it never pins a read mark of the log.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "common/base/status.h"

struct sqlite3_stmt;

namespace lockstep::store {

class Database;

// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameter ?index, from 1 on: bool, an integer that fits int64, double, text, Blob, nullptr,
  // or an optional of these. Texts and blobs are copied.
  template <typename Value>
  Statement& Bind(int index, const Value& value) {
    BindAny(index, value, Lifetime::kCopied);
    return *this;
  }

  // True: there is a row to read. False: the rows are at an end, or there was an error.
  bool Step();

  // Columns of the row, from 0 on. Texts and blobs are valid until the next Step.
  bool IsNull(int column) const;
  bool Bool(int column) const { return Int64(column) != 0; }
  int Int(int column) const { return static_cast<int>(Int64(column)); }
  std::int64_t Int64(int column) const;      // 0 for NULL
  double Double(int column) const;           // 0 for NULL
  std::string_view Text(int column) const;   // empty for NULL
  std::string_view Bytes(int column) const;  // of a blob; empty for NULL

  // Ends it, before its last row too, and says the first error there was. It may then outlive its
  // Database.
  [[nodiscard]] Status Finish();

 private:
  friend class Database;
  enum class Lifetime { kCopied, kOutlivesTheStatement };

  // in_use: the mark in the cache to clear at the end; null if the statement is not cached.
  Statement(Database& database, sqlite3_stmt* statement, bool* in_use, Status status);

  template <typename Value>
  void BindAny(int index, const Value& value, Lifetime lifetime) {
    if constexpr (std::is_same_v<Value, std::nullptr_t> || std::is_same_v<Value, std::nullopt_t>) {
      BindNull(index);
    } else if constexpr (std::is_same_v<Value, Blob>) {
      BindBytes(index, value.bytes, lifetime);
    } else if constexpr (std::convertible_to<const Value&, std::string_view>) {
      BindText(index, value, lifetime);
    } else if constexpr (std::floating_point<Value>) {
      BindDouble(index, value);
    } else if constexpr (std::integral<Value>) {
      static_assert(std::is_signed_v<Value> || sizeof(Value) < sizeof(std::int64_t),
                    "SQLite has no unsigned 64-bit integer");
      BindInt64(index, static_cast<std::int64_t>(value));
    } else if (value.has_value()) {
      BindAny(index, *value, lifetime);
    } else {
      BindNull(index);
    }
  }
  void BindNull(int index);
  void BindInt64(int index, std::int64_t value);
  void BindDouble(int index, double value);
  void BindText(int index, std::string_view value, Lifetime lifetime);
  void BindBytes(int index, std::string_view value, Lifetime lifetime);
  void ExpectParameters(int count);
  void Keep(int code);  // makes code the error that sticks, unless it is SQLITE_OK
  void GiveBack();

  Database* database_;  // null once finished or moved from
  sqlite3_stmt* statement_;
  bool* in_use_;
  bool ended_ = false;  // no more rows
  Status status_;
};

}  // namespace lockstep::store
