// Order history as a till exports it, and the requests that place it again.
//
// The file names no consumers, so a replay chooses one for each order by a hash of the order
// number, and an address inside the restaurant's delivery area. All of a request follows from the
// file, the consumers and the menus: the same input gives the same requests with the same ids, and
// so a replay that is repeated or resumed places nothing twice. Pure but for ReadHistory.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "lab/samples.h"
#include "lockstep/order/v1/order.pb.h"

namespace lockstep::lab {

struct HistoryLine {
  std::string item_name;
  int quantity = 0;
};

struct HistoryOrder {
  std::string number;
  WallTime time;
  std::string restaurant_id;  // empty where the file has no column Restaurant
  std::string consumer_id;    // empty where the file has no column Consumer
  std::vector<HistoryLine> lines;
};

// Columns `Order Number`, `Order Date`, `Item Name`, `Quantity`, optionally `Restaurant` and
// `Consumer`. The oldest order first; the lines of an order as they stand in the file, also where
// an item stands twice.
StatusOr<std::vector<HistoryOrder>> ReadHistory(const std::filesystem::path& file);

struct PlannedOrder {
  Duration offset{};  // since the first order of the history
  order::v1::CreateOrderRequest request;
};

struct PlanOptions {
  std::string run = "replay";  // part of each request id: another run places the orders anew
  std::string style_name;      // the same, "non-blocking"
  std::string restaurant_id;   // of orders that name none
};

using Menus = std::map<std::string, restaurant::v1::Restaurant>;  // by restaurant id

// INVALID_ARGUMENT names the orders whose restaurant or item is not in menus, or that nobody may
// afford.
StatusOr<std::vector<PlannedOrder>> PlanReplay(const std::vector<HistoryOrder>& history,
                                               const Menus& menus,
                                               const std::vector<SampleConsumer>& consumers,
                                               const PlanOptions& options);

}  // namespace lockstep::lab
