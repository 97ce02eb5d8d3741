#include "consumer/service/account_convert.h"

namespace lockstep::consumer {

OpenRequest FromProto(const v1::OpenAccountRequest& request, Violations& violations) {
  OpenRequest open{request.consumer_id(), Money()};
  if (request.has_credit_limit()) {
    open.credit_limit = rpc::ReadMoney(request.credit_limit(), "credit_limit", violations);
  }
  return open;
}

CreditRequest FromProto(const v1::UpdateAccountRequest& request, Violations& violations) {
  CreditRequest credit{request.consumer_id(), Money()};
  if (request.has_credit_limit()) {
    credit.credit_limit = rpc::ReadMoney(request.credit_limit(), "credit_limit", violations);
  }
  return credit;
}

DepositRequest FromProto(const v1::DepositRequest& request, Violations& violations) {
  DepositRequest deposit{request.deposit_id(), request.consumer_id(), Money()};
  if (request.has_amount()) {
    deposit.amount = rpc::ReadMoney(request.amount(), "amount", violations);
  }
  return deposit;
}

void SetProto(const Account& account, v1::Account* out) {
  out->set_consumer_id(account.consumer_id);
  rpc::SetMoney(account.credit_limit, out->mutable_credit_limit());
  rpc::SetMoney(account.balance, out->mutable_balance());
  rpc::SetMoney(account.held, out->mutable_held());
  rpc::SetMoney(account.Available(), out->mutable_available());
  out->set_points(account.points);
  rpc::SetTime(account.create_time, out->mutable_create_time());
  rpc::SetTime(account.update_time, out->mutable_update_time());
}

void SetProto(const Payment& payment, v1::Payment* out) {
  out->set_order_id(payment.order_id);
  out->set_consumer_id(payment.consumer_id);
  if (!payment.amount.currency_code().empty()) {
    rpc::SetMoney(payment.amount, out->mutable_amount());
  }
  out->set_state(static_cast<v1::Payment::State>(payment.state));
  rpc::SetTime(payment.create_time, out->mutable_create_time());
  rpc::SetTime(payment.update_time, out->mutable_update_time());
  if (payment.capture_time) rpc::SetTime(*payment.capture_time, out->mutable_capture_time());
}

void SetProto(const LedgerSum& sum, v1::LedgerSum* out) {
  out->set_ledger_account(sum.ledger_account);
  out->set_unit(sum.unit);
  out->set_sum(sum.sum);
  out->set_entries(sum.entries);
}

void SetProto(const Status& refusal, v1::PaymentRefusal* out) {
  out->set_reason(DetailOf(refusal).reason);
  out->set_message(MessageOf(refusal));
}

}  // namespace lockstep::consumer
