// Reading a value from Order's file on a reader thread.
#pragma once

#include <memory>
#include <utility>

#include "common/store/reader_pool.h"

namespace lockstep::order {

// Reads by work, which fills a value, and hands over that value or the error.
template <class Value, class Work>
void ReadInto(store::ReaderPool& readers, Deadline not_after, Work work,
              AnyInvocable<void(StatusOr<Value>)> done) {
  const auto value = std::make_shared<StatusOr<Value>>(absl::UnknownError("not read"));
  readers.Read(
      [value, work = std::move(work)](store::Database& database) {
        *value = work(database);
        return value->status();
      },
      not_after,
      [value, done = std::move(done)](const Status& status) mutable {
        if (status.ok()) {
          done(std::move(*value));
        } else {
          done(status);
        }
      });
}

}  // namespace lockstep::order
