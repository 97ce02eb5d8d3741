#include "common/store/statement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "common/base/check.h"
#include "common/store/database.h"

namespace lockstep::store {

Statement::Statement(Database& database, sqlite3_stmt* statement, bool* in_use, Status status)
    : database_(&database), statement_(statement), in_use_(in_use), status_(std::move(status)) {}

Statement::Statement(Statement&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)),
      in_use_(std::exchange(other.in_use_, nullptr)),
      ended_(other.ended_),
      status_(std::move(other.status_)) {}

Statement::~Statement() {
  if (database_ == nullptr) return;
  if (!status_.ok()) database_->KeepOverlooked(status_);
  GiveBack();
}

bool Statement::Step() {
  if (!status_.ok() || ended_) return false;
  // After an error like a full disk SQLite may roll the whole transaction back. What follows would
  // then be committed one by one, which nobody asked for.
  status_ = database_->CheckTransaction();
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  ended_ = true;
  if (code != SQLITE_DONE) Keep(code);
  sqlite3_reset(statement_);
  return false;
}

Status Statement::Finish() {
  if (database_ != nullptr) GiveBack();
  return status_;
}

bool Statement::IsNull(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::Int64(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  return sqlite3_column_int64(statement_, column);
}

double Statement::Double(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  return sqlite3_column_double(statement_, column);
}

std::string_view Statement::Text(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::Bytes(int column) const {
  LOCKSTEP_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::BindNull(int index) {
  if (status_.ok()) Keep(sqlite3_bind_null(statement_, index));
}

void Statement::BindInt64(int index, std::int64_t value) {
  if (status_.ok()) Keep(sqlite3_bind_int64(statement_, index, value));
}

void Statement::BindDouble(int index, double value) {
  if (status_.ok()) Keep(sqlite3_bind_double(statement_, index, value));
}

void Statement::BindText(int index, std::string_view value, Lifetime lifetime) {
  if (!status_.ok()) return;
  // To SQLite a null pointer is NULL; to us a string_view without an address is an empty text.
  const char* const text = value.data() != nullptr ? value.data() : "";
  Keep(sqlite3_bind_text64(statement_, index, text, value.size(),
                           lifetime == Lifetime::kCopied ? SQLITE_TRANSIENT : SQLITE_STATIC,
                           SQLITE_UTF8));
}

void Statement::BindBytes(int index, std::string_view value, Lifetime lifetime) {
  if (!status_.ok()) return;
  const char* const bytes = value.data() != nullptr ? value.data() : "";
  Keep(sqlite3_bind_blob64(statement_, index, bytes, value.size(),
                           lifetime == Lifetime::kCopied ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

void Statement::ExpectParameters(int count) {
  if (!status_.ok()) return;
  const int wanted = sqlite3_bind_parameter_count(statement_);
  if (wanted == count) return;
  status_ = MakeError(StatusCode::kInternal, "STORE_FAILED",
                      fmt::format("a statement of {} parameters was given {} values: {}", wanted,
                                  count, sqlite3_sql(statement_)));
}

void Statement::Keep(int code) {
  if (code == SQLITE_OK) return;
  LOCKSTEP_CHECK(database_ != nullptr);  // it has been finished
  status_ = database_->Failed(code, sqlite3_sql(statement_));
}

void Statement::GiveBack() {
  ended_ = true;
  if (in_use_ != nullptr) {
    sqlite3_reset(statement_);  // repeats the error that Step returned
    sqlite3_clear_bindings(statement_);
    *in_use_ = false;
  } else {
    sqlite3_finalize(statement_);
  }
  database_ = nullptr;
  statement_ = nullptr;
  in_use_ = nullptr;
}

}  // namespace lockstep::store
