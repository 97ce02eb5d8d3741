// lockstep settings, calls, faults, ledger: what the control plane of a server says and does.
#include <memory>

#include "common/base/limits.h"
#include "common/rpc/proto_values.h"
#include "lab/commands/command.h"
#include "lab/comparison.h"
#include "lab/fields.h"
#include "lab/names.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using control::v1::ControlService;

ControlPeer PeerOf(const Context& context, const std::string& node) {
  return {context.addresses.Find(node)->control, context.timeout};
}

// A message as a table of its fields, or as it is.
void PrintFields(const Context& context, const google::protobuf::Message& message) {
  if (context.is_json) {
    Print(JsonText(message));
    return;
  }
  Table table({{"field"}, {"value"}});
  for (const auto& [path, text] : FieldTexts(message)) table.Add({path, text});
  Print(table.Text());
}

StatusOr<std::pair<std::string, std::string>> ParseAssignment(const std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign == 0) {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("\"{}\": write order.pool_threads=32", text));
  }
  return std::pair(text.substr(0, sign), text.substr(sign + 1));
}

int Settings(const Context& context, const std::string& node,
             const std::vector<std::string>& assignments) {
  ControlPeer peer = PeerOf(context, node);
  StatusOr<control::v1::Settings> settings = peer.Ask(&ControlService::Stub::GetSettings, {});
  if (settings.ok() && !assignments.empty()) {
    control::v1::UpdateSettingsRequest request;
    *request.mutable_settings() = *settings;
    for (const std::string& assignment : assignments) {
      const auto parsed = ParseAssignment(assignment);
      const Status status = SetField(*request.mutable_settings(), parsed->first, parsed->second);
      if (!status.ok()) return Fail(context, status);
      request.mutable_update_mask()->add_paths(parsed->first);
    }
    settings = peer.Ask(&ControlService::Stub::UpdateSettings, request);
  }
  if (!settings.ok()) return Fail(context, settings.status());
  PrintFields(context, *settings);
  return kExitDone;
}

std::string BudgetText(const control::v1::Call& call) {
  if (!call.has_budget_left()) return "none";
  return MillisText(rpc::ToDuration(call.budget_left()));
}

int Calls(const Context& context, const std::vector<std::string>& nodes, int limit) {
  Table table({{"server"},
               {"method"},
               {"age", Align::kRight},
               {"budget left", Align::kRight},
               {"held by"},
               {"caller"}});
  Json json;
  std::int64_t total = 0;
  for (const std::string& node : nodes) {
    control::v1::ListCallsRequest request;
    request.set_page_size(limit);
    const auto calls = PeerOf(context, node).Ask(&ControlService::Stub::ListCalls, request);
    if (!calls.ok()) return Fail(context, calls.status());
    total += calls->total();
    Put(json, node, AsJson(*calls));
    for (const control::v1::Call& call : calls->calls()) {
      table.Add({node, call.method().substr(call.method().rfind('/') + 1),
                 MillisText(rpc::ToDuration(call.age())), BudgetText(call),
                 PlainName(call::v1::Shell_Name(call.shell()), "SHELL_"),
                 call.cancelled() ? call.peer() + ", has gone" : call.peer()});
    }
  }
  if (context.is_json) {
    Print(JsonText(json));
  } else {
    Print(fmt::format("{}{} calls in flight.\n", table.empty() ? "" : table.Text() + "\n",
                      CountText(total)));
  }
  return kExitDone;
}

// The delays of one server become those that are named for it.
int Faults(const Context& context, const std::vector<std::string>& slow, bool is_clear) {
  Table table({{"server"}, {"method"}, {"delay", Align::kRight}, {"fired", Align::kRight}});
  Json json;
  for (const std::string node : kNodes) {
    control::v1::SetFaultsRequest set;
    for (const std::string& text : slow) {
      const Condition condition = *ParseSlow(text);
      if (condition.node != node) continue;
      for (const std::string& method : QuestionsTo(node)) {
        control::v1::Fault* fault = set.add_faults();
        fault->set_method(method);
        rpc::SetDuration(condition.delay, fault->mutable_fixed_delay());
      }
    }
    ControlPeer peer = PeerOf(context, node);
    const auto faults = is_clear               ? peer.Ask(&ControlService::Stub::ClearFaults, {})
                        : set.faults().empty() ? peer.Ask(&ControlService::Stub::ListFaults, {})
                                               : peer.Ask(&ControlService::Stub::SetFaults, set);
    if (!faults.ok()) return Fail(context, faults.status());
    Put(json, node, AsJson(*faults));
    for (const control::v1::Fault& fault : faults->faults()) {
      table.Add({node, fault.method(), MillisText(rpc::ToDuration(fault.fixed_delay())),
                 CountText(fault.fired())});
    }
  }
  Print(context.is_json ? JsonText(json)
        : table.empty() ? "No faults are in force.\n"
                        : table.Text());
  return kExitDone;
}

int LedgerOf(const Context& context, const std::string& node, bool is_reset) {
  ControlPeer peer = PeerOf(context, node);
  const auto ledger = is_reset ? peer.Ask(&ControlService::Stub::ResetLedger, {})
                               : peer.Ask(&ControlService::Stub::GetLedger, {});
  if (!ledger.ok()) return Fail(context, ledger.status());
  PrintFields(context, *ledger);
  return kExitDone;
}

void AddSettings(CLI::App& app, Context& context) {
  CLI::App& settings =
      *app.add_subcommand("settings", "Reads the settings of a server, or changes some");
  const auto node = std::make_shared<std::string>("order");
  const auto assignments = std::make_shared<std::vector<std::string>>();
  AddServer(settings, *node);
  settings.add_option("settings", *assignments, "FIELD=VALUE")
      ->check(CLI::Validator(Checked(ParseAssignment), ""));
  SetExamples(settings,
              "  lockstep settings\n"
              "  lockstep settings order.default_style=blocking order.pool_threads=16\n"
              "  lockstep settings --server consumer call_limit=5s");
  settings.callback([&context, node, assignments] {
    context.run = [&context, node, assignments] { return Settings(context, *node, *assignments); };
  });
}

void AddCalls(CLI::App& app, Context& context) {
  CLI::App& calls =
      *app.add_subcommand("calls", "The calls in flight, with what is left of their budget");
  const auto node = std::make_shared<std::string>();
  const auto limit = std::make_shared<int>(20);
  AddServer(calls, *node);
  calls.add_option("--limit", *limit, "At most so many of each server, the oldest first")
      ->check(CLI::Range(1, limits::kPageSizeMax))
      ->capture_default_str();
  SetExamples(calls, "  lockstep calls\n  lockstep calls --server order --json");
  calls.callback([&context, node, limit] {
    context.run = [&context, node, limit] {
      const std::vector<std::string> all(kNodes.begin(), kNodes.end());
      return Calls(context, node->empty() ? all : std::vector<std::string>{*node}, *limit);
    };
  });
}

void AddFaults(CLI::App& app, Context& context) {
  CLI::App& faults =
      *app.add_subcommand("faults", "Reads, sets or clears the delays that servers add");
  const auto slow = std::make_shared<std::vector<std::string>>();
  const auto is_clear = std::make_shared<bool>(false);
  auto* named = faults
                    .add_option("slow", *slow,
                                "SERVER=DELAY: its part of taking an order waits so long; replaces "
                                "the faults of that server")
                    ->check(CLI::Validator(Checked(ParseSlow), ""));
  faults.add_flag("--clear", *is_clear, "Take all away")->excludes(named);
  SetExamples(faults,
              "  lockstep faults consumer=80ms\n  lockstep faults\n  lockstep faults --clear");
  faults.callback([&context, slow, is_clear] {
    context.run = [&context, slow, is_clear] { return Faults(context, *slow, *is_clear); };
  });
}

}  // namespace

void AddControl(CLI::App& app, Context& context) {
  AddSettings(app, context);
  AddCalls(app, context);
  AddFaults(app, context);
  CLI::App& ledger = *app.add_subcommand("ledger", "A server's counts of useful and wasted work");
  const auto node = std::make_shared<std::string>("order");
  const auto is_reset = std::make_shared<bool>(false);
  AddServer(ledger, *node);
  ledger.add_flag("--reset", *is_reset, "Set them to zero, and print them as they were");
  SetExamples(ledger, "  lockstep ledger\n  lockstep ledger --server consumer --reset");
  ledger.callback([&context, node, is_reset] {
    context.run = [&context, node, is_reset] { return LedgerOf(context, *node, *is_reset); };
  });
}

}  // namespace lockstep::lab
