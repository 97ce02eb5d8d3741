// The feed of an owner that keeps its changes whole. Threads: that of the Database.
#pragma once

#include <string_view>

#include "common/base/clock.h"
#include "common/message/feed_source.h"

namespace lockstep::message {

// Within the transaction of the change.
Status AppendToFeed(store::Database& database, std::string_view type, std::string_view key,
                    std::string_view payload, WallTime now);

// Head and Read over the table `feed`; the owner says how a snapshot of its records is read.
class FeedTable : public FeedSource {
 public:
  StatusOr<std::int64_t> Head(store::Database& database) const override;
  Status Read(store::Database& database, std::int64_t after, int count_max, std::size_t bytes_max,
              std::vector<v1::Change>& changes) const override;
};

}  // namespace lockstep::message
