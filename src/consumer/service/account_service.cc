#include "consumer/service/account_service.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/owner/command.h"
#include "consumer/service/account_convert.h"
#include "consumer/store/account_table.h"

namespace lockstep::consumer {
namespace {

using store::Database;

// say: void(const Value&, Response&).
template <class Call, class Request, class Say>
void CarryOut(Call& call, store::StoreFile& file, Request request, Violations& violations,
              Say say) {
  Validate(request, violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  owner::Carry(
      call, file,
      [request = std::move(request)](Database& database, WallTime now) {
        return Carry(database, request, now);
      },
      std::move(say));
}

void SayAccount(const Account& account, v1::Account& response) { SetProto(account, &response); }

template <class Response>
void SayPayment(const Payment& payment, Response& response) {
  SetProto(payment, response.mutable_payment());
}

template <class Response>
void SayPoints(std::int64_t points, Response& response) {
  response.set_points(points);
}

}  // namespace

AccountService::AccountService(const control::HostContext& context, store::StoreFile& file,
                               FraudChain& fraud)
    : file_(file), fraud_(fraud), methods_(context.faults, Service::service_full_name()) {
  using Self = AccountService;
  methods_.Add("OpenAccount", raw_, &Raw::RequestOpenAccount, *this, &Self::OpenAccount);
  methods_.Add("UpdateAccount", raw_, &Raw::RequestUpdateAccount, *this, &Self::UpdateAccount);
  methods_.Add("GetAccount", raw_, &Raw::RequestGetAccount, *this, &Self::GetAccount);
  methods_.Add("ListAccounts", raw_, &Raw::RequestListAccounts, *this, &Self::ListAccounts);
  methods_.Add("Deposit", raw_, &Raw::RequestDeposit, *this, &Self::Deposit);
  methods_.Add("AuthorizePayment", raw_, &Raw::RequestAuthorizePayment, *this,
               &Self::AuthorizePayment);
  methods_.Add("CapturePayment", raw_, &Raw::RequestCapturePayment, *this, &Self::CapturePayment);
  methods_.Add("VoidPayment", raw_, &Raw::RequestVoidPayment, *this, &Self::VoidPayment);
  methods_.Add("ListPayments", raw_, &Raw::RequestListPayments, *this, &Self::ListPayments);
  methods_.Add("AwardPoints", raw_, &Raw::RequestAwardPoints, *this, &Self::AwardPoints);
  methods_.Add("RevokePoints", raw_, &Raw::RequestRevokePoints, *this, &Self::RevokePoints);
  methods_.Add("ListLedgerSums", raw_, &Raw::RequestListLedgerSums, *this, &Self::ListLedgerSums);
}

void AccountService::OpenAccount(OpenCall& call) {
  Violations violations;
  CarryOut(call, file_, FromProto(call.request(), violations), violations, SayAccount);
}

void AccountService::UpdateAccount(UpdateCall& call) {
  Violations violations;
  CarryOut(call, file_, FromProto(call.request(), violations), violations, SayAccount);
}

void AccountService::Deposit(DepositCall& call) {
  Violations violations;
  CarryOut(call, file_, FromProto(call.request(), violations), violations, SayAccount);
}

void AccountService::GetAccount(GetCall& call) {
  std::string id = call.request().consumer_id();
  Violations violations;
  if (!violations.RequireId("consumer_id", id)) {
    call.Fail(violations.ToStatus());
    return;
  }
  owner::Answer(call, file_, [id = std::move(id)](Database& database, v1::Account& response) {
    const StatusOr<std::optional<Account>> account = FindAccount(database, id);
    if (!account.ok()) return account.status();
    if (!account->has_value()) return AccountUnknown(id);
    SetProto(**account, &response);
    return OkStatus();
  });
}

void AccountService::ListAccounts(ListCall& call) {
  owner::AnswerPage(
      call, file_, "accounts", ReadAccounts,
      [](const Account& account, v1::ListAccountsResponse& response) {
        SetProto(account, response.add_accounts());
      },
      [](const Account& account) { return account.consumer_id; });
}

void AccountService::AuthorizePayment(AuthorizeCall& call) {
  Violations violations;
  AuthorizeRequest request = AuthorizeFrom(call.request(), violations);
  Validate(request, violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  fraud_.Look(
      call, request,
      [this, &call, request](StatusOr<std::optional<std::string>> why, call::v1::Receipt receipt) {
        if (!why.ok()) {
          call.Fail(why.status(), &receipt);
          return;
        }
        owner::Carry(
            call, file_,
            [request, why = *std::move(why)](Database& database, WallTime now) {
              return Carry(database, request, why, now);
            },
            SayPayment<v1::AuthorizePaymentResponse>, std::move(receipt));
      });
}

void AccountService::CapturePayment(CaptureCall& call) {
  Violations violations;
  CarryOut(call, file_, CaptureFrom(call.request(), violations), violations,
           SayPayment<v1::CapturePaymentResponse>);
}

void AccountService::VoidPayment(VoidCall& call) {
  Violations violations;
  CarryOut(call, file_, VoidFrom(call.request(), violations), violations,
           SayPayment<v1::VoidPaymentResponse>);
}

void AccountService::ListPayments(PaymentsCall& call) {
  const int state = call.request().state();
  if (!v1::Payment::State_IsValid(state)) {
    call.Fail(InvalidRequest({{"state", fmt::format("must be a state, is {}", state)}}));
    return;
  }
  owner::AnswerPage(
      call, file_, fmt::format("payments {}", state),
      [state](Database& database, const std::string& after, int count) {
        return ReadPayments(database, after, static_cast<PaymentState>(state), count);
      },
      [](const Payment& payment, v1::ListPaymentsResponse& response) {
        SetProto(payment, response.add_payments());
      },
      [](const Payment& payment) { return payment.order_id; });
}

void AccountService::AwardPoints(AwardCall& call) {
  Violations violations;
  CarryOut(call, file_, AwardFrom(call.request(), violations), violations,
           SayPoints<v1::AwardPointsResponse>);
}

void AccountService::RevokePoints(RevokeCall& call) {
  Violations violations;
  CarryOut(call, file_, RevokeFrom(call.request(), violations), violations,
           SayPoints<v1::RevokePointsResponse>);
}

void AccountService::ListLedgerSums(SumsCall& call) {
  owner::AnswerPage(
      call, file_, "ledger sums",
      [](Database& database, const std::string& after, int count) {
        std::int64_t first = 0;
        std::from_chars(after.data(), after.data() + after.size(), first);
        return ReadLedgerSums(database, first, count);
      },
      [](const LedgerSum& sum, v1::ListLedgerSumsResponse& response) {
        SetProto(sum, response.add_sums());
      },
      [](const LedgerSum& sum) { return std::to_string(sum.first); });
}

void AccountService::Tick(WallTime now) {
  if (now - purged_ < limits::kFeedTrimInterval) return;
  purged_ = now;
  if (!purging_.exchange(true)) PurgeBatch(now - limits::kEndedRetention);
}

void AccountService::PurgeBatch(WallTime before) {
  const auto count = std::make_shared<int>(0);
  file_.writer().Submit(
      [count, before](Database& database) {
        const StatusOr<int> purged = PurgeTombstones(database, before, limits::kPurgeBatchRows);
        if (purged.ok()) *count = *purged;
        return purged.status();
      },
      Deadline::Never(),
      [this, count, before](const store::CommitResult& result) {
        if (result.status.ok() && *count == limits::kPurgeBatchRows) {
          PurgeBatch(before);
          return;
        }
        if (!result.status.ok()) {
          log::Warning("payments_not_purged", {{"message", MessageOf(result.status)}});
        }
        purging_ = false;
      });
}

}  // namespace lockstep::consumer
