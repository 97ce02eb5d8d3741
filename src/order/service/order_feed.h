// Order's feed as its subscribers read it: each change says what came of which order, with the
// order as it is when it is read. An order that has gone on meanwhile says so by its state.
// Threads: those of the reader pool. There is no snapshot: who begins late begins with what the
// feed still has.
#pragma once

#include "common/message/feed_source.h"

namespace lockstep::order {

class OrderFeed final : public message::FeedSource {
 public:
  StatusOr<std::int64_t> Head(store::Database& database) const override;
  Status Read(store::Database& database, std::int64_t after, int count_max, std::size_t bytes_max,
              std::vector<message::v1::Change>& changes) const override;
  Status ReadSnapshot(store::Database& database, std::string_view after_key, int count_max,
                      std::size_t bytes_max,
                      std::vector<message::v1::Change>& entries) const override;
};

}  // namespace lockstep::order
