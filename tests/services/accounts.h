// What the tests of accounts share: calls to AccountService and its requests.
#pragma once

#include <map>
#include <string>

#include "lockstep/consumer/v1/account.grpc.pb.h"
#include "tests/services/consumers.h"

namespace lockstep::test {

using AccountStub = cv1::AccountService::Stub;

template <typename Said = cv1::AuthorizePaymentRequest>
Said Authorize(const std::string& order, std::int64_t pounds, const std::string& consumer = "c1") {
  Said said;
  said.set_order_id(order);
  said.set_consumer_id(consumer);
  SetPounds(pounds, said.mutable_amount());
  return said;
}

template <typename Said = cv1::CapturePaymentRequest>
Said Capture(const std::string& order, const std::string& consumer = "c1") {
  Said said;
  said.set_order_id(order);
  said.set_consumer_id(consumer);
  return said;
}

template <typename Said = cv1::VoidPaymentRequest>
Said Void(const std::string& order, bool after_capture = false) {
  Said said;
  said.set_order_id(order);
  said.set_consumer_id("c1");
  said.set_after_capture(after_capture);
  return said;
}

template <typename Said = cv1::AwardPointsRequest>
Said Award(const std::string& order, std::int64_t pounds, const std::string& consumer = "c1") {
  Said said;
  said.set_order_id(order);
  said.set_consumer_id(consumer);
  SetPounds(pounds, said.mutable_order_total());
  return said;
}

template <typename Said = cv1::RevokePointsRequest>
Said Revoke(const std::string& order) {
  Said said;
  said.set_order_id(order);
  said.set_consumer_id("c1");
  return said;
}

inline cv1::DepositRequest Deposit(const std::string& id, std::int64_t pounds,
                                   const std::string& consumer = "c1") {
  cv1::DepositRequest request;
  request.set_deposit_id(id);
  request.set_consumer_id(consumer);
  SetPounds(pounds, request.mutable_amount());
  return request;
}

// A service with the consumer c1, whose account has 100 pounds and a credit of 50.
struct Bank {
  TempDir dir;
  Consumers service;
  std::unique_ptr<AccountStub> stub;

  explicit Bank(owner::OwnerFlags flags = Consumers::Alone())
      : service(dir.File("c.db"), std::move(flags)),
        stub(cv1::AccountService::NewStub(
            rpc::MakeChannel(service.address(), {.own_connection = true}))) {
    REQUIRE(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann")).ok());
    REQUIRE(Open("c1", 50) == "OK");
    REQUIRE(Said(Call(&AccountStub::Deposit, Deposit("d1", 100))) == "OK");
  }

  template <class Request, class Response>
  StatusOr<Response> Call(grpc::Status (AccountStub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                          const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(rpc::ToTimespec(Deadline::After(std::chrono::steady_clock::now(), 20s)));
    Response response;
    const grpc::Status status = ((*stub).*method)(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpcStatus(status);
    return response;
  }

  std::string Open(const std::string& consumer, std::int64_t credit,
                   const std::string& currency = "GBP") {
    cv1::OpenAccountRequest request;
    request.set_consumer_id(consumer);
    SetPounds(credit, request.mutable_credit_limit());
    request.mutable_credit_limit()->set_currency_code(currency);
    return Said(Call(&AccountStub::OpenAccount, request));
  }
  template <class Request, class Response>
  std::string State(grpc::Status (AccountStub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                    const Request& request) {
    const StatusOr<Response> answer = Call(method, request);
    if (!answer.ok()) return Said(answer);
    return cv1::Payment::State_Name(answer->payment().state()).substr(6);
  }
  std::string Pay(const std::string& order, std::int64_t pounds,
                  const std::string& consumer = "c1") {
    return State(&AccountStub::AuthorizePayment, Authorize(order, pounds, consumer));
  }
  std::string Take(const std::string& order) {
    return State(&AccountStub::CapturePayment, Capture(order));
  }
  std::string Undo(const std::string& order, bool after_capture = false) {
    return State(&AccountStub::VoidPayment, Void(order, after_capture));
  }
  // "60 balance, 10 held, 100 available, 40 points".
  std::string Stands(const std::string& consumer = "c1") {
    cv1::GetAccountRequest request;
    request.set_consumer_id(consumer);
    const auto account = Call(&AccountStub::GetAccount, request);
    if (!account.ok()) return Said(account);
    return fmt::format("{} balance, {} held, {} available, {} points", account->balance().units(),
                       account->held().units(), account->available().units(), account->points());
  }
  // The sums of the ledger by ledger account and unit, read in small pages; and for each unit that
  // they are zero, and for the consumer that they are what the account says.
  std::map<std::string, std::int64_t> CheckedLedger() {
    std::map<std::string, std::int64_t> sums;
    std::map<std::string, std::int64_t> of_unit;
    cv1::ListLedgerSumsRequest request;
    request.set_page_size(3);
    for (;;) {
      const auto page = Call(&AccountStub::ListLedgerSums, request);
      REQUIRE(page.ok());
      for (const cv1::LedgerSum& sum : page->sums()) {
        sums[sum.ledger_account()] += sum.sum();
        of_unit[sum.unit()] += sum.sum();
      }
      if (page->next_page_token().empty()) break;
      request.set_page_token(page->next_page_token());
    }
    for (const auto& [unit, sum] : of_unit) {
      INFO(unit);
      CHECK(sum == 0);
    }
    const auto accounts = Call(&AccountStub::ListAccounts, cv1::ListAccountsRequest());
    REQUIRE(accounts.ok());
    for (const cv1::Account& account : accounts->accounts()) {
      const std::string name = "consumer:" + account.consumer_id();
      INFO(name);
      const auto nanos = [](const money::v1::Money& money) {
        return money.units() * 1'000'000'000 + money.nanos();
      };
      CHECK(sums[name + ":available"] + sums[name + ":held"] == nanos(account.balance()));
      CHECK(sums[name + ":held"] == nanos(account.held()));
      CHECK(sums[name + ":points"] == account.points());
    }
    return sums;
  }
};

}  // namespace lockstep::test
