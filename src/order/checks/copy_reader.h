// Copies from the messages in which their owners say what changed. What could not be true is an
// error, not a copy: an order must not be judged by it. Pure functions.
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "order/domain/copy.h"
#include "order/store/copies.h"

namespace lockstep::order {

// What is the same for both owners' records, by the same names, so that their keeping is written
// once.
struct ConsumerRecords {
  using Copy = ConsumerCopy;
  static constexpr CopyOwner kOwner = CopyOwner::kConsumer;
  static constexpr std::string_view kType = "lockstep.consumer.v1.Consumer";
  // key: the id under which it came. DATA_LOSS, with what is wrong as its message.
  static StatusOr<Copy> Read(std::string_view key, std::string_view payload);
};

struct RestaurantRecords {
  using Copy = RestaurantCopy;
  static constexpr CopyOwner kOwner = CopyOwner::kRestaurant;
  static constexpr std::string_view kType = "lockstep.restaurant.v1.Restaurant";
  static StatusOr<Copy> Read(std::string_view key, std::string_view payload);
};

}  // namespace lockstep::order
