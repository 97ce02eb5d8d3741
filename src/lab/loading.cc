#include "lab/loading.h"

#include <google/protobuf/util/message_differencer.h>

#include <map>

namespace lockstep::lab {
namespace {

using consumer::v1::ConsumerService;
using google::protobuf::util::MessageDifferencer;
using restaurant::v1::RestaurantService;

// The restaurant that is there becomes the one that is wanted.
Status ChangeRestaurant(RestaurantPeer& peer, const restaurant::v1::Restaurant& wanted) {
  restaurant::v1::GetRestaurantRequest get;
  get.set_restaurant_id(wanted.restaurant_id());
  const auto there = peer.Ask(&RestaurantService::Stub::GetRestaurant, get);
  if (!there.ok()) return there.status();
  restaurant::v1::UpdateRestaurantRequest update;
  *update.mutable_restaurant() = wanted;
  update.mutable_restaurant()->clear_menu_items();
  for (const char* field : {"display_name", "opening_state", "minimum_order", "delivery_area"}) {
    update.mutable_update_mask()->add_paths(field);
  }
  const auto updated = peer.Ask(&RestaurantService::Stub::UpdateRestaurant, update);
  if (!updated.ok()) return updated.status();
  const restaurant::v1::ReviseMenuRequest revision = MenuRevision(*there, wanted);
  if (revision.put_items().empty() && revision.remove_menu_item_ids().empty()) return OkStatus();
  return peer.Ask(&RestaurantService::Stub::ReviseMenu, revision).status();
}

Status ChangeConsumer(ConsumerPeer& peer, const consumer::v1::Consumer& wanted) {
  consumer::v1::UpdateConsumerRequest update;
  *update.mutable_consumer() = wanted;
  for (const char* field : {"display_name", "state", "order_limit"}) {
    update.mutable_update_mask()->add_paths(field);
  }
  return peer.Ask(&ConsumerService::Stub::UpdateConsumer, update).status();
}

}  // namespace

Status LoadRestaurants(RestaurantPeer& peer,
                       const std::vector<restaurant::v1::Restaurant>& restaurants, Loaded& loaded,
                       const std::function<void(int)>& progress) {
  for (const restaurant::v1::Restaurant& wanted : restaurants) {
    restaurant::v1::CreateRestaurantRequest create;
    *create.mutable_restaurant() = wanted;
    Status status = peer.Ask(&RestaurantService::Stub::CreateRestaurant, create).status();
    if (DetailOf(status).reason == "RESTAURANT_ID_TAKEN") {
      status = ChangeRestaurant(peer, wanted);
      ++loaded.changed;
    }
    if (!status.ok()) return status;
    ++loaded.restaurants;
    loaded.menu_items += wanted.menu_items_size();
    progress(loaded.restaurants);
  }
  return OkStatus();
}

Status LoadConsumers(ConsumerPeer& peer, const std::vector<SampleConsumer>& consumers,
                     Loaded& loaded, const std::function<void(int)>& progress) {
  for (const SampleConsumer& wanted : consumers) {
    consumer::v1::CreateConsumerRequest create;
    *create.mutable_consumer() = wanted.consumer;
    Status status = peer.Ask(&ConsumerService::Stub::CreateConsumer, create).status();
    if (DetailOf(status).reason == "CONSUMER_ID_TAKEN") {
      status = ChangeConsumer(peer, wanted.consumer);
      ++loaded.changed;
    }
    if (!status.ok()) return status;
    progress(++loaded.consumers);
  }
  return OkStatus();
}

restaurant::v1::ReviseMenuRequest MenuRevision(const restaurant::v1::Restaurant& there,
                                               const restaurant::v1::Restaurant& wanted) {
  restaurant::v1::ReviseMenuRequest revision;
  revision.set_restaurant_id(wanted.restaurant_id());
  std::map<std::string, const restaurant::v1::MenuItem*> left;
  for (const restaurant::v1::MenuItem& item : there.menu_items()) {
    left[item.menu_item_id()] = &item;
  }
  for (const restaurant::v1::MenuItem& item : wanted.menu_items()) {
    const auto same = left.find(item.menu_item_id());
    if (same == left.end() || !MessageDifferencer::Equals(*same->second, item)) {
      *revision.add_put_items() = item;
    }
    if (same != left.end()) left.erase(same);
  }
  for (const auto& [id, item] : left) revision.add_remove_menu_item_ids(id);
  return revision;
}

}  // namespace lockstep::lab
