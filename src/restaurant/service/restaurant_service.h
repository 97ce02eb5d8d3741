// RestaurantService on completion queues: keeps restaurants and their menus, and judges and prices
// the lines of an order. The same judgement answers the message ValidateOrderDetails and, of
// Order's feed, OrderPlaced. What it does with stock: stock_service.h. Threads: see
// common/owner/record_service.h. ValidateOrderDetails and GetRestaurant are answered at once, from
// memory: each from one version of a menu, whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/owner/record_service.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"
#include "restaurant/domain/judge.h"
#include "restaurant/service/convert.h"
#include "restaurant/service/stock_service.h"
#include "restaurant/store/restaurant_table.h"

namespace lockstep::restaurant {

class RestaurantService final : public owner::RecordService<RestaurantTable, v1::Restaurant> {
 public:
  RestaurantService(const control::HostContext& context, std::unique_ptr<Store> store,
                    owner::OwnerFlags flags = {});

  void Tick() override;

 private:
  using Service = v1::RestaurantService;
  using Raw = Service::WithRawMethod_CreateRestaurant<
      Service::WithRawMethod_GetRestaurant<Service::WithRawMethod_ReviseMenu<
          Service::WithRawMethod_UpdateRestaurant<Service::WithRawMethod_ListRestaurants<
              Service::WithRawMethod_ValidateOrderDetails<Service::WithRawMethod_SetStock<
                  Service::WithRawMethod_GetStock<Service::WithRawMethod_ReserveItems<
                      Service::WithRawMethod_ReleaseItems<Service::WithRawMethod_ConfirmItems<
                          Service::WithRawMethod_ListReservations<Service::Service>>>>>>>>>>>>;
  using CreateCall = rpc::ServerCall<v1::CreateRestaurantRequest, v1::Restaurant>;
  using GetCall = rpc::ServerCall<v1::GetRestaurantRequest, v1::Restaurant>;
  using ReviseCall = rpc::ServerCall<v1::ReviseMenuRequest, v1::Restaurant>;
  using UpdateCall = rpc::ServerCall<v1::UpdateRestaurantRequest, v1::Restaurant>;
  using ListCall = rpc::ServerCall<v1::ListRestaurantsRequest, v1::ListRestaurantsResponse>;
  using ValidateCall =
      rpc::ServerCall<v1::ValidateOrderDetailsRequest, v1::ValidateOrderDetailsResponse>;

  grpc::Service& service() override { return raw_; }
  owner::Judges MakeJudges();
  StatusOr<v1::OrderDetailsValidated> Answer(const Question& question, WallTime now) const;
  OrderDetailsVerdict Verdict(const Question& question, WallTime now) const;

  void CreateRestaurant(CreateCall& call);
  void GetRestaurant(GetCall& call);
  void ReviseMenu(ReviseCall& call);
  void UpdateRestaurant(UpdateCall& call);
  void ListRestaurants(ListCall& call);
  void ValidateOrderDetails(ValidateCall& call);

  const std::string node_;
  StockService stock_;
  Raw raw_;
};

}  // namespace lockstep::restaurant
