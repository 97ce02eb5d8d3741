// Between the messages about accounts and their domain. What cannot be turned into a value is a
// violation, with the field path of the request. A command says the same, by fields of the same
// names, as a call's request and as a message. Pure.
#pragma once

#include "common/base/validate.h"
#include "common/rpc/proto_values.h"
#include "consumer/domain/account.h"
#include "consumer/store/account_table.h"
#include "lockstep/consumer/v1/account.pb.h"

namespace lockstep::consumer {

OpenRequest FromProto(const v1::OpenAccountRequest& request, Violations& violations);
CreditRequest FromProto(const v1::UpdateAccountRequest& request, Violations& violations);
DepositRequest FromProto(const v1::DepositRequest& request, Violations& violations);

template <typename Said>
AuthorizeRequest AuthorizeFrom(const Said& said, Violations& violations) {
  AuthorizeRequest request{said.order_id(), said.consumer_id(), Money()};
  if (said.has_amount()) request.amount = rpc::ReadMoney(said.amount(), "amount", violations);
  return request;
}
template <typename Said>
CaptureRequest CaptureFrom(const Said& said, Violations& /*violations*/) {
  return {said.order_id(), said.consumer_id()};
}
template <typename Said>
VoidRequest VoidFrom(const Said& said, Violations& /*violations*/) {
  return {said.order_id(), said.consumer_id(), said.after_capture()};
}
template <typename Said>
AwardRequest AwardFrom(const Said& said, Violations& violations) {
  AwardRequest request{said.order_id(), said.consumer_id(), Money()};
  if (said.has_order_total()) {
    request.order_total = rpc::ReadMoney(said.order_total(), "order_total", violations);
  }
  return request;
}
template <typename Said>
RevokeRequest RevokeFrom(const Said& said, Violations& /*violations*/) {
  return {said.order_id(), said.consumer_id()};
}

void SetProto(const Account& account, v1::Account* out);
void SetProto(const Payment& payment, v1::Payment* out);
void SetProto(const LedgerSum& sum, v1::LedgerSum* out);
void SetProto(const Status& refusal, v1::PaymentRefusal* out);

}  // namespace lockstep::consumer
