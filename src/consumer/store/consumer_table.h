// How consumers lie in Consumer's SQLite file: one row each. What is asked of a Table is said in
// common/store/record_store.h.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/store/database.h"
#include "common/store/migrations.h"
#include "common/store/record_store.h"
#include "consumer/domain/consumer.h"

namespace lockstep::consumer {

struct ConsumerTable {
  using Record = Consumer;

  static const store::Schema kSchema;
  static constexpr std::string_view kSelectVersion =
      "SELECT version FROM consumers WHERE consumer_id = ?1";
  static constexpr std::string_view kSelectOne =
      "SELECT consumer_id, display_name, state, limit_currency, limit_nanos, version, create_time, "
      "update_time FROM consumers WHERE consumer_id = ?1";
  static constexpr std::string_view kSelectPage =
      "SELECT consumer_id, display_name, state, limit_currency, limit_nanos, version, create_time, "
      "update_time FROM consumers WHERE consumer_id > ?1 ORDER BY consumer_id LIMIT ?2";

  static const std::string& IdOf(const Consumer& consumer) { return consumer.consumer_id; }
  static std::string& IdOf(Consumer& consumer) { return consumer.consumer_id; }
  static Consumer RecordOf(const store::Statement& row);
  static Status ReadParts(store::Database&, store::Parts, Consumer&) { return OkStatus(); }
  static Status Write(store::Database& database, const Consumer* before, const Consumer& after);
};

}  // namespace lockstep::consumer
