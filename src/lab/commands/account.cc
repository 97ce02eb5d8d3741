// lockstep account: what consumers have to spend, and what orders have taken of it.
#include <memory>
#include <string>

#include "common/base/id.h"
#include "lab/commands/command.h"
#include "lab/table.h"
#include "lab/values.h"
#include "lockstep/consumer/v1/account.grpc.pb.h"

namespace lockstep::lab {
namespace {

using consumer::v1::Account;
using consumer::v1::AccountService;
using AccountPeer = Peer<AccountService>;

struct Arguments {
  std::string consumer_id;
  std::string amount;
  std::string currency = "GBP";
  std::string deposit_id;
};

StatusOr<money::v1::Money> ParseAmount(const std::string& text) { return ParseMoney(text, "GBP"); }

AccountPeer PeerOf(const Context& context) {
  return {context.addresses.consumer.business, context.timeout};
}

void PrintAccounts(const Context& context, const consumer::v1::ListAccountsResponse& accounts) {
  if (context.is_json) {
    Print(JsonText(accounts));
    return;
  }
  Table table({{"consumer"},
               {"balance", Align::kRight},
               {"held", Align::kRight},
               {"credit limit", Align::kRight},
               {"available", Align::kRight},
               {"points", Align::kRight}});
  for (const Account& account : accounts.accounts()) {
    table.Add({account.consumer_id(), MoneyText(account.balance()), MoneyText(account.held()),
               MoneyText(account.credit_limit()), MoneyText(account.available()),
               CountText(account.points())});
  }
  Print(table.empty() ? "No consumer has an account.\n" : table.Text());
}

int PrintAccount(const Context& context, const StatusOr<Account>& account) {
  if (!account.ok()) return Fail(context, account.status());
  consumer::v1::ListAccountsResponse one;
  *one.add_accounts() = *account;
  PrintAccounts(context, one);
  return kExitDone;
}

int Open(const Context& context, const Arguments& arguments) {
  consumer::v1::OpenAccountRequest request;
  request.set_consumer_id(arguments.consumer_id);
  *request.mutable_credit_limit() = *ParseMoney(arguments.amount, arguments.currency);
  return PrintAccount(context, PeerOf(context).Ask(&AccountService::Stub::OpenAccount, request));
}

int Deposit(const Context& context, const Arguments& arguments) {
  consumer::v1::DepositRequest request;
  request.set_consumer_id(arguments.consumer_id);
  request.set_deposit_id(arguments.deposit_id.empty() ? NewId(Clock::Real().WallNow())
                                                      : arguments.deposit_id);
  *request.mutable_amount() = *ParseMoney(arguments.amount, arguments.currency);
  return PrintAccount(context, PeerOf(context).Ask(&AccountService::Stub::Deposit, request));
}

int Show(const Context& context, const Arguments& arguments) {
  AccountPeer peer = PeerOf(context);
  if (!arguments.consumer_id.empty()) {
    consumer::v1::GetAccountRequest request;
    request.set_consumer_id(arguments.consumer_id);
    return PrintAccount(context, peer.Ask(&AccountService::Stub::GetAccount, request));
  }
  consumer::v1::ListAccountsResponse all;
  consumer::v1::ListAccountsRequest request;
  request.set_page_size(limits::kPageSizeMax);
  do {
    const auto page = peer.Ask(&AccountService::Stub::ListAccounts, request);
    if (!page.ok()) return Fail(context, page.status());
    all.mutable_accounts()->MergeFrom(page->accounts());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  PrintAccounts(context, all);
  return kExitDone;
}

// One of the two that say an amount.
void AddMovement(CLI::App& account, Context& context, const char* name, const char* description,
                 const char* amount, const char* examples,
                 int (*run)(const Context&, const Arguments&)) {
  CLI::App& command = *account.add_subcommand(name, description);
  const auto arguments = std::make_shared<Arguments>();
  command.add_option("consumer", arguments->consumer_id, "Whose")->required();
  command.add_option("amount", arguments->amount, amount)
      ->required()
      ->check(CLI::Validator(Checked(ParseAmount), ""));
  command.add_option("--currency", arguments->currency, "Three letters of ISO 4217")
      ->capture_default_str();
  if (run == Deposit) {
    command.add_option("--deposit-id", arguments->deposit_id,
                       "Makes it safe to repeat; a new one without it");
  }
  SetExamples(command, examples);
  command.callback([&context, arguments, run] {
    context.run = [&context, arguments, run] { return run(context, *arguments); };
  });
}

}  // namespace

void AddAccount(CLI::App& app, Context& context) {
  CLI::App& account =
      *app.add_subcommand("account", "Opens, fills and reads the accounts of consumers");
  account.require_subcommand(1);
  AddMovement(account, context, "open", "Opens an account; its currency is that of the limit",
              "The credit limit", "  lockstep account open c0001 50", Open);
  AddMovement(account, context, "deposit", "Puts money in", "How much",
              "  lockstep account deposit c0001 100.50 --deposit-id salary-1", Deposit);
  CLI::App& show = *account.add_subcommand("show", "Balance, what is held, and points");
  const auto shown = std::make_shared<Arguments>();
  show.add_option("consumer", shown->consumer_id, "Whose; all without it");
  SetExamples(show, "  lockstep account show c0001\n  lockstep account show --json");
  show.callback(
      [&context, shown] { context.run = [&context, shown] { return Show(context, *shown); }; });
}

}  // namespace lockstep::lab
