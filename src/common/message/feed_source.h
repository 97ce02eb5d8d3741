// Where the changes of a feed come from: a port, because an owner keeps them whole (feed_table.h)
// and Order makes them from its orders. Threads: those of the reader pool; each call sees one
// moment of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/store/database.h"
#include "lockstep/message/v1/message.pb.h"

namespace lockstep::message {

class FeedSource {
 public:
  virtual ~FeedSource() = default;
  // The number of the last change; 0: none.
  virtual StatusOr<std::int64_t> Head(store::Database& database) const = 0;
  // The changes after that number, at most so many and about bytes_max, at least one if there is
  // one. previous of the first is the number of the change before it, which may be trimmed.
  virtual Status Read(store::Database& database, std::int64_t after, int count_max,
                      std::size_t bytes_max, std::vector<v1::Change>& changes) const = 0;
  // What there is, ordered by key, from the first after that key on; the same bounds. An empty
  // result is the end. UNIMPLEMENTED: this feed has no snapshot.
  virtual Status ReadSnapshot(store::Database& database, std::string_view after_key, int count_max,
                              std::size_t bytes_max, std::vector<v1::Change>& entries) const = 0;
};

}  // namespace lockstep::message
