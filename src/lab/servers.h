// The three servers: where they are and how to ask them.
// Threads: one; Ask holds it until the answer.
#pragma once

#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/deadline.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/status_details.h"
#include "lab/processes.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/control/v1/control.grpc.pb.h"
#include "lockstep/order/v1/order.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"

namespace lockstep::lab {

struct Addresses {
  ServerAddresses order{"order", "127.0.0.1:50051", "127.0.0.1:50061", "127.0.0.1:50071"};
  ServerAddresses consumer{"consumer", "127.0.0.1:50052", "127.0.0.1:50062", ""};
  ServerAddresses restaurant{"restaurant", "127.0.0.1:50053", "127.0.0.1:50063", ""};

  // By name. INVALID_ARGUMENT for a name that is none of the three.
  StatusOr<ServerAddresses> Find(const std::string& node) const;
};

// From order.ready, consumer.ready and restaurant.ready in the folder.
StatusOr<Addresses> ReadAddresses(const std::filesystem::path& folder);

// A channel that is connected, or that has been tried for so long that it will hardly be. An
// attempt of gRPC's to connect lasts 100 ms with our settings, which a busy machine can need for
// more than one of them: a call that was the first would say UNAVAILABLE of a server that is there.
std::shared_ptr<grpc::Channel> ConnectedChannel(const std::string& address);

// One service at one address.
template <class Service>
class Peer {
 public:
  using Stub = typename Service::Stub;

  Peer(std::string address, Duration timeout)
      : address_(std::move(address)),
        timeout_(timeout),
        stub_(Service::NewStub(ConnectedChannel(address_))) {}

  // One call, waited for. An answer that never came names the address.
  template <class Request, class Response>
  StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                      Response*),
                         const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(rpc::ToTimespec(Deadline::After(Clock::Real().Now(), timeout_)));
    Response response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (status.ok()) return response;
    const Status error = rpc::FromGrpcStatus(status);
    if (!DetailOf(error).reason.empty()) return error;
    if (error.code() == StatusCode::kUnimplemented) {
      return MakeError(
          error.code(), "METHOD_UNKNOWN",
          fmt::format("{} does not know this method; is it of another version?", address_));
    }
    return MakeError(error.code(), "",
                     fmt::format("{} does not answer ({}); scripts/serve starts the servers",
                                 address_, MessageOf(error)));
  }

 private:
  const std::string address_;
  const Duration timeout_;
  const std::unique_ptr<Stub> stub_;
};

using OrderPeer = Peer<order::v1::OrderService>;
using ConsumerPeer = Peer<consumer::v1::ConsumerService>;
using RestaurantPeer = Peer<restaurant::v1::RestaurantService>;
using ControlPeer = Peer<control::v1::ControlService>;

// Every restaurant, with its menu.
StatusOr<std::vector<restaurant::v1::Restaurant>> FetchRestaurants(RestaurantPeer& peer);

// Reads pages of orders, the newest first, until visit returns false.
Status VisitOrders(OrderPeer& peer, order::v1::ListOrdersRequest request,
                   const std::function<bool(const order::v1::Order&)>& visit);

}  // namespace lockstep::lab
