// The feed of an owner: a change of a record is one change of the feed, the record as it was left.
// Its snapshot is read from the records, which have been there for longer than the feed in a file
// of an earlier version.
//
// Table: see common/store/record_store.h. Message: what a record is said as; SetProto(const
// Record&, Message*) is found by the record's type. Threads: that of the Database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/message/feed_table.h"
#include "common/rpc/proto_values.h"
#include "common/store/record_store.h"

namespace lockstep::owner {

template <typename Table, typename Message>
class RecordFeed final : public message::FeedTable {
 public:
  using Store = store::RecordStore<Table>;
  using Record = typename Store::Record;

  // Within the transaction that writes the record.
  static Status Append(store::Database& database, const Record& record) {
    return message::AppendToFeed(database, Message::descriptor()->full_name(), Table::IdOf(record),
                                 Serialised(record), record.update_time);
  }

  Status ReadSnapshot(store::Database& database, std::string_view after_key, int count_max,
                      std::size_t bytes_max,
                      std::vector<message::v1::Change>& entries) const override {
    std::size_t bytes = 0;
    int count = 0;
    return Store::ForEach(database, after_key, store::Parts::kAll, [&](const Record& record) {
      message::v1::Change& entry = entries.emplace_back();
      entry.set_type(Message::descriptor()->full_name());
      entry.set_key(Table::IdOf(record));
      rpc::SetTime(record.update_time, entry.mutable_time());
      entry.set_payload(Serialised(record));
      bytes += entry.payload().size();
      return ++count < count_max && bytes < bytes_max;
    });
  }

 private:
  static std::string Serialised(const Record& record) {
    Message message;
    SetProto(record, &message);
    return message.SerializeAsString();
  }
};

}  // namespace lockstep::owner
