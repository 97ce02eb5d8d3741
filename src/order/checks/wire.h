// The two questions and the two steps of a checkout on the wire: what is needed to ask them,
// whatever the style. One struct each, with the same names, so that a check or a step is written
// once.
#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/rpc/asking.h"
#include "lockstep/consumer/v1/account.grpc.pb.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/restaurant/v1/restaurant.grpc.pb.h"
#include "order/ports.h"

namespace lockstep::order {

// The receipt that a peer sent along.
class ReceiptFromPeer final : public PeerReceipt {
 public:
  explicit ReceiptFromPeer(call::v1::Receipt from) : message(std::move(from)) {}
  call::v1::Receipt message;
};

struct ConsumerWire {
  using Port = ConsumerCheck;
  using Question = ConsumerQuestion;
  using Verdict = ConsumerVerdict;
  using Request = consumer::v1::ValidateConsumerRequest;
  using Response = consumer::v1::ValidateConsumerResponse;
  using Stub = consumer::v1::ConsumerService::Stub;

  static constexpr const char* kPeer = kConsumerPeer;
  static constexpr const char* kMethod = "lockstep.consumer.v1.ConsumerService/ValidateConsumer";
  static constexpr auto kBlocking =
      static_cast<grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*)>(
          &Stub::ValidateConsumer);
  static constexpr auto kPrepare = &Stub::PrepareAsyncValidateConsumer;

  static std::optional<Duration> Timeout(const CheckCall& call) { return call.consumer_timeout; }
  static Request ToRequest(const Question& question);
  static StatusOr<Verdict> FromVerdict(const consumer::v1::ConsumerVerdict& said);
};

struct RestaurantWire {
  using Port = MenuCheck;
  using Question = MenuQuestion;
  using Verdict = MenuVerdict;
  using Request = restaurant::v1::ValidateOrderDetailsRequest;
  using Response = restaurant::v1::ValidateOrderDetailsResponse;
  using Stub = restaurant::v1::RestaurantService::Stub;

  static constexpr const char* kPeer = kRestaurantPeer;
  static constexpr const char* kMethod =
      "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails";
  static constexpr auto kBlocking =
      static_cast<grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*)>(
          &Stub::ValidateOrderDetails);
  static constexpr auto kPrepare = &Stub::PrepareAsyncValidateOrderDetails;

  static std::optional<Duration> Timeout(const CheckCall& call) { return call.restaurant_timeout; }
  static Request ToRequest(const Question& question);
  static StatusOr<Verdict> FromVerdict(const restaurant::v1::OrderDetailsVerdict& said);
};

struct ReserveWire {
  using Request = restaurant::v1::ReserveItemsRequest;
  using Response = restaurant::v1::ReserveItemsResponse;
  using Stub = restaurant::v1::RestaurantService::Stub;

  static constexpr const char* kPeer = kRestaurantPeer;
  static constexpr const char* kMethod = "lockstep.restaurant.v1.RestaurantService/ReserveItems";
  static constexpr auto kBlocking =
      static_cast<grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*)>(
          &Stub::ReserveItems);
  static constexpr auto kPrepare = &Stub::PrepareAsyncReserveItems;

  static std::optional<Duration> Timeout(const CheckCall& call) { return call.restaurant_timeout; }
  static Request ToRequest(const Order& order);
};

struct AuthorizeWire {
  using Request = consumer::v1::AuthorizePaymentRequest;
  using Response = consumer::v1::AuthorizePaymentResponse;
  using Stub = consumer::v1::AccountService::Stub;

  static constexpr const char* kPeer = kConsumerPeer;
  static constexpr const char* kMethod = "lockstep.consumer.v1.AccountService/AuthorizePayment";
  static constexpr auto kBlocking =
      static_cast<grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*)>(
          &Stub::AuthorizePayment);
  static constexpr auto kPrepare = &Stub::PrepareAsyncAuthorizePayment;

  static std::optional<Duration> Timeout(const CheckCall& call) { return call.consumer_timeout; }
  static Request ToRequest(const Order& order);
};

// One question, or one step, of an order that is about to be asked.
class Asking : public rpc::Asking {
 public:
  Asking(const CheckCall& call, const char* peer, const char* method,
         std::optional<Duration> timeout)
      : rpc::Asking({.caller = call.caller,
                     .policy = call.policy,
                     .reserve = call.reserve,
                     .wait_for_ready = call.wait_for_ready,
                     .drop_expired = call.drop_expired,
                     .cancel = call.cancel,
                     .arrival = call.arrival},
                    peer, method, timeout) {}

  // How it ended, with the peer's receipt where one came back.
  CallTrace End(const grpc::Status& status, std::unique_ptr<PeerReceipt> receipt) const;
};

template <typename Wire>
CheckResult<typename Wire::Verdict> NotBegun(Status status) {
  return {std::move(status), {}};
}

// The peer's receipt, wherever it put it: into the response, or among the details of its error.
template <typename Response>
std::unique_ptr<PeerReceipt> ReceiptIn(const grpc::Status& status, Response& response) {
  std::optional<call::v1::Receipt> receipt = rpc::TakeReceipt(status, response);
  if (!receipt) return nullptr;
  return std::make_unique<ReceiptFromPeer>(*std::move(receipt));
}

// The answer to a question, from what the call brought. stopping: as of ErrorFor.
template <typename Wire>
CheckResult<typename Wire::Verdict> Answer(const Asking& asking, const grpc::Status& status,
                                           typename Wire::Response& response, bool stopping) {
  std::vector<CallTrace> calls;
  calls.push_back(asking.End(status, ReceiptIn(status, response)));
  if (!status.ok()) return {asking.ErrorFor(status, stopping), std::move(calls)};
  return {Wire::FromVerdict(response.verdict()), std::move(calls)};
}

// What became of a step of a checkout, from what the call brought. stopping: as of ErrorFor.
StepResult StepAnswer(const Asking& asking, const grpc::Status& status,
                      std::unique_ptr<PeerReceipt> receipt, bool stopping);

}  // namespace lockstep::order
