// The tool `lockstep`: one subcommand each for loading, replaying, ordering, comparing and
// steering.
#include <cstdlib>

#include "lab/commands/command.h"
#include "lab/interrupt.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

constexpr char kFooter[] =
    "Exit status: 0 as asked; 1 an order was refused, or something failed; 2 wrong usage or an\n"
    "unreadable file; 3 a server does not answer; 130 interrupted.\n"
    "`lockstep COMMAND --help` has examples.";

void AddGlobalOptions(CLI::App& app, Context& context) {
  app.add_flag("--json", context.is_json, "Print JSON, for programs");
  app.add_option("--servers", context.servers_folder,
                 "Folder of the ready files order.ready, consumer.ready, restaurant.ready: the "
                 "servers are where these say")
      ->check(CLI::ExistingDirectory);
  app.add_option("--samples", context.samples_folder, "Folder of the sample data")
      ->check(CLI::ExistingDirectory);
  Addresses& addresses = context.addresses;
  for (ServerAddresses* server : {&addresses.order, &addresses.consumer, &addresses.restaurant}) {
    app.add_option("--" + server->node + "-at", server->business, "Its business address")
        ->capture_default_str();
    app.add_option("--" + server->node + "-control-at", server->control, "Its control address")
        ->capture_default_str();
  }
  app.add_option("--order-sync-at", addresses.order.sync, "Its thread-per-call address")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--call-timeout",
         [&context](const std::string& text) { context.timeout = *ParseDuration(text); },
         "Of each call that is no measured one [10s]")
      ->check(CLI::Validator(Checked(ParseTimeout), ""));
}

int Run(int argc, char** argv) {
  Context context;
  CLI::App app("Orders taken in several styles of communication, and what each costs.", "lockstep");
  app.set_version_flag("--version", "lockstep " LOCKSTEP_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  AddGlobalOptions(app, context);
  AddLoad(app, context);
  AddReplay(app, context);
  AddOrder(app, context);
  AddCompare(app, context);
  AddControl(app, context);
  AddMessages(app, context);
  AddBacklog(app, context);
  AddStock(app, context);
  AddAccount(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (!context.servers_folder.empty()) {
    const StatusOr<Addresses> addresses = ReadAddresses(context.servers_folder);
    if (!addresses.ok()) return Fail(context, addresses.status());
    context.addresses = *addresses;
  }
  WatchForInterrupt();
  return context.run();
}

}  // namespace
}  // namespace lockstep::lab

int main(int argc, char** argv) {
  // A client that only blocks notices a server's return at this poll, every 5 s by default (TRAPS
  // 3).
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100", 1);
  return lockstep::lab::Run(argc, argv);
}
