#include "restaurant/service/restaurant_service.h"

#include <google/protobuf/arena.h>

#include <cstddef>
#include <utility>

#include "lockstep/order/v1/order.pb.h"

namespace lockstep::restaurant {
namespace {

// Enough for the verdict on 20 lines; a longer one takes the rest from the heap.
constexpr std::size_t kVerdictBlockBytes = 8 << 10;

}  // namespace

RestaurantService::RestaurantService(const control::HostContext& context,
                                     std::unique_ptr<Store> store, owner::OwnerFlags flags)
    : RecordService(context, std::move(store), Service::service_full_name(),
                    {"restaurant", "restaurant_id", "RESTAURANT_UNKNOWN", "RESTAURANT_ID_TAKEN"},
                    std::move(flags), MakeJudges(), StockEffects(), FollowReservation),
      node_(context.flags.node),
      stock_(records()) {
  methods_.Add("CreateRestaurant", raw_, &Raw::RequestCreateRestaurant, *this,
               &RestaurantService::CreateRestaurant);
  methods_.Add("GetRestaurant", raw_, &Raw::RequestGetRestaurant, *this,
               &RestaurantService::GetRestaurant);
  methods_.Add("ReviseMenu", raw_, &Raw::RequestReviseMenu, *this, &RestaurantService::ReviseMenu);
  methods_.Add("UpdateRestaurant", raw_, &Raw::RequestUpdateRestaurant, *this,
               &RestaurantService::UpdateRestaurant);
  methods_.Add("ListRestaurants", raw_, &Raw::RequestListRestaurants, *this,
               &RestaurantService::ListRestaurants);
  methods_.Add("ValidateOrderDetails", raw_, &Raw::RequestValidateOrderDetails, *this,
               &RestaurantService::ValidateOrderDetails);
  methods_.Add("SetStock", raw_, &Raw::RequestSetStock, stock_, &StockService::SetStock);
  methods_.Add("GetStock", raw_, &Raw::RequestGetStock, stock_, &StockService::GetStock);
  methods_.Add("ReserveItems", raw_, &Raw::RequestReserveItems, stock_,
               &StockService::ReserveItems);
  methods_.Add("ReleaseItems", raw_, &Raw::RequestReleaseItems, stock_,
               &StockService::ReleaseItems);
  methods_.Add("ConfirmItems", raw_, &Raw::RequestConfirmItems, stock_,
               &StockService::ConfirmItems);
  methods_.Add("ListReservations", raw_, &Raw::RequestListReservations, stock_,
               &StockService::ListReservations);
}

void RestaurantService::Tick() {
  RecordService::Tick();
  stock_.Tick(Clock::Real().WallNow());
}

// Called before this is whole: the judges are used only afterwards.
owner::Judges RestaurantService::MakeJudges() {
  owner::Judges judges;
  owner::AddJudge<v1::ValidateOrderDetails, v1::OrderDetailsValidated>(
      judges, [this](const v1::ValidateOrderDetails& asked, WallTime now) {
        return Answer(FromProto(asked), now);
      });
  owner::AddJudge<order::v1::OrderPlaced, v1::OrderDetailsValidated>(
      judges, [this](const order::v1::OrderPlaced& placed, WallTime now) {
        return Answer(FromProto(placed.order()), now);
      });
  return judges;
}

StatusOr<v1::OrderDetailsValidated> RestaurantService::Answer(const Question& question,
                                                              WallTime now) const {
  Violations violations;
  Validate(question, violations);
  if (!violations.empty()) return violations.ToStatus();
  v1::OrderDetailsValidated answer;
  SetProto(Verdict(question, now), answer.mutable_verdict());
  return answer;
}

OrderDetailsVerdict RestaurantService::Verdict(const Question& question, WallTime now) const {
  return Judge(Find(question.restaurant_id).get(), question, now, node_);
}

void RestaurantService::CreateRestaurant(CreateCall& call) {
  Violations violations;
  Create(call, FromProto(call.request(), violations), violations);
}

void RestaurantService::GetRestaurant(GetCall& call) { Get(call, call.request().restaurant_id()); }

void RestaurantService::ReviseMenu(ReviseCall& call) {
  Violations violations;
  MenuRevision revision = FromProto(call.request(), violations);
  Change(call, call.request().restaurant_id(), std::move(revision), violations);
}

void RestaurantService::UpdateRestaurant(UpdateCall& call) {
  Violations violations;
  RestaurantUpdate update = FromProto(call.request(), violations);
  Change(call, call.request().restaurant().restaurant_id(), std::move(update), violations);
}

void RestaurantService::ListRestaurants(ListCall& call) {
  List(call, "restaurants", &v1::ListRestaurantsResponse::add_restaurants);
}

void RestaurantService::ValidateOrderDetails(ValidateCall& call) {
  Violations violations;
  const Question question = FromProto(call.request());
  Validate(question, violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  // A verdict is some ten small objects a line. On this stack they cost a third less than one by
  // one from the heap.
  alignas(std::max_align_t) char block[kVerdictBlockBytes];
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof(block);
  google::protobuf::Arena arena(options);
  auto& response =
      *google::protobuf::Arena::CreateMessage<v1::ValidateOrderDetailsResponse>(&arena);
  SetProto(Verdict(question, Clock::Real().WallNow()), response.mutable_verdict());
  call.Finish(response);
}

}  // namespace lockstep::restaurant
