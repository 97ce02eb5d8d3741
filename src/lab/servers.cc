#include "lab/servers.h"

#include "common/base/limits.h"

namespace lockstep::lab {

namespace {

constexpr Duration kConnectLimit = std::chrono::seconds(2);

}  // namespace

std::shared_ptr<grpc::Channel> ConnectedChannel(const std::string& address) {
  std::shared_ptr<grpc::Channel> channel = rpc::MakeChannel(address);
  channel->WaitForConnected(rpc::ToTimespec(Deadline::After(Clock::Real().Now(), kConnectLimit)));
  return channel;
}

StatusOr<ServerAddresses> Addresses::Find(const std::string& node) const {
  for (const ServerAddresses* server : {&order, &consumer, &restaurant}) {
    if (server->node == node) return *server;
  }
  return MakeError(
      StatusCode::kInvalidArgument, "VALUE_INVALID",
      fmt::format("there is no server \"{}\"; there are order, consumer, restaurant", node));
}

StatusOr<Addresses> ReadAddresses(const std::filesystem::path& folder) {
  Addresses addresses;
  for (ServerAddresses* server : {&addresses.order, &addresses.consumer, &addresses.restaurant}) {
    const std::string node = server->node;
    StatusOr<ServerAddresses> read = ReadReadyFile(folder / (node + ".ready"));
    if (!read.ok()) return read.status();
    *server = *std::move(read);
    server->node = node;
  }
  return addresses;
}

StatusOr<std::vector<restaurant::v1::Restaurant>> FetchRestaurants(RestaurantPeer& peer) {
  using restaurant::v1::RestaurantService;
  std::vector<restaurant::v1::Restaurant> restaurants;
  restaurant::v1::ListRestaurantsRequest list;
  list.set_page_size(limits::kPageSizeMax);
  do {
    const auto page = peer.Ask(&RestaurantService::Stub::ListRestaurants, list);
    if (!page.ok()) return page.status();
    for (const restaurant::v1::Restaurant& listed : page->restaurants()) {
      restaurant::v1::GetRestaurantRequest get;
      get.set_restaurant_id(listed.restaurant_id());
      auto whole = peer.Ask(&RestaurantService::Stub::GetRestaurant, get);
      if (!whole.ok()) return whole.status();
      restaurants.push_back(*std::move(whole));
    }
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  return restaurants;
}

Status VisitOrders(OrderPeer& peer, order::v1::ListOrdersRequest request,
                   const std::function<bool(const order::v1::Order&)>& visit) {
  do {
    const auto page = peer.Ask(&order::v1::OrderService::Stub::ListOrders, request);
    if (!page.ok()) return page.status();
    for (const order::v1::Order& order : page->orders()) {
      if (!visit(order)) return OkStatus();
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return OkStatus();
}

}  // namespace lockstep::lab
