// What RestaurantService does with stock: calls, the same commands as messages, and the work that
// lets reservations end by themselves.
//
// Threads: handlers run on a loop; each command is decided on the store thread, the same way for a
// call and for a message. Tick: one. Outlives the last answer of the file's writer.
#pragma once

#include <atomic>

#include "common/owner/checkout_events.h"
#include "common/owner/effect.h"
#include "common/rpc/server_call.h"
#include "common/store/record_store.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "restaurant/store/restaurant_table.h"

namespace lockstep::restaurant {

class StockService {
 public:
  using Store = store::RecordStore<RestaurantTable>;
  using SetCall = rpc::ServerCall<v1::SetStockRequest, v1::SetStockResponse>;
  using GetCall = rpc::ServerCall<v1::GetStockRequest, v1::GetStockResponse>;
  using ReserveCall = rpc::ServerCall<v1::ReserveItemsRequest, v1::ReserveItemsResponse>;
  using ReleaseCall = rpc::ServerCall<v1::ReleaseItemsRequest, v1::ReleaseItemsResponse>;
  using ConfirmCall = rpc::ServerCall<v1::ConfirmItemsRequest, v1::ConfirmItemsResponse>;
  using ListCall = rpc::ServerCall<v1::ListReservationsRequest, v1::ListReservationsResponse>;

  // records: outlives it.
  explicit StockService(Store& records) : records_(records) {}

  void SetStock(SetCall& call);
  void GetStock(GetCall& call);
  void ReserveItems(ReserveCall& call);
  void ReleaseItems(ReleaseCall& call);
  void ConfirmItems(ConfirmCall& call);
  void ListReservations(ListCall& call);

  // Regular work: begins to write what has expired, and to forget what ended long ago, in batches
  // that let other writes pass between them.
  void Tick(WallTime now);

 private:
  void ExpireBatch();
  void PurgeBatch(WallTime before);

  Store& records_;
  std::atomic<bool> expiring_ = false;
  std::atomic<bool> purging_ = false;
  WallTime purged_;  // when it was last looked at
};

// ReserveItems, ReleaseItems and ConfirmItems as messages.
owner::Effects StockEffects();
// The same commands, made of an order in Order's feed.
std::vector<message::v1::Envelope> FollowReservation(const order::v1::Order& order, WallTime now);

}  // namespace lockstep::restaurant
