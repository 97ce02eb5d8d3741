// Restaurants, menus and consumers read from CSV files, as the messages that create them: the
// sample data of the project, or a user's own files of the same columns (samples/README.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"

namespace lockstep::lab {

struct SampleConsumer {
  consumer::v1::Consumer consumer;
  restaurant::v1::Address address;
};

// The folder of the sample data: the one named, else $LOCKSTEP_SAMPLES, else the nearest `samples`
// or `share/lockstep/samples` in a folder above this program. NOT_FOUND says where it looked.
StatusOr<std::filesystem::path> FindSamples(const std::filesystem::path& named);

// A menu: columns `Item Name`, `Product Price`, optionally `Category` and `Availability`
// (available, sold out). Ids are made of the names (UniqueSlugs). The same name twice is an error
// unless the price is the same.
StatusOr<std::vector<restaurant::v1::MenuItem>> ReadMenu(const std::filesystem::path& file,
                                                         std::string_view currency_code);

// folder/restaurants.csv with folder/menus/RESTAURANT.csv.
StatusOr<std::vector<restaurant::v1::Restaurant>> ReadRestaurants(
    const std::filesystem::path& folder);

StatusOr<std::vector<SampleConsumer>> ReadConsumers(const std::filesystem::path& file);

}  // namespace lockstep::lab
