// What the subcommands of `lockstep` share: where the servers are, how results are printed, how the
// program ends.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <functional>
#include <string>

#include "common/base/status.h"
#include "lab/json.h"
#include "lab/servers.h"

namespace lockstep::lab {

// Exit statuses; --help prints them.
inline constexpr int kExitDone = 0;    // all went as it was asked
inline constexpr int kExitFailed = 1;  // an order refused, an error answered, something not settled
inline constexpr int kExitUsage = 2;   // the command line or a file cannot be understood
inline constexpr int kExitUnreachable = 3;  // a server does not answer, or cannot be started
inline constexpr int kExitInterrupted = 130;

struct Context {
  Addresses addresses;
  std::string servers_folder;                   // --servers; its ready files win over the addresses
  std::string samples_folder;                   // --samples
  Duration timeout = std::chrono::seconds(10);  // of calls that are not what is measured
  bool is_json = false;
  std::function<int()> run;  // set by the subcommand that was named
};

// Prints an error for people to stderr, or with --json as JSON to stdout; returns the exit status
// that fits it.
int Fail(const Context& context, const Status& status);

inline void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// A validator that accepts what the parser accepts, so that a wrong argument is a usage error that
// says why.
template <class Parse>
std::function<std::string(std::string&)> Checked(Parse parse) {
  return [parse](std::string& text) {
    const auto value = parse(text);
    return value.ok() ? std::string() : MessageOf(value.status());
  };
}

// The names of the servers.
inline constexpr std::array<const char*, 3> kNodes = {"order", "consumer", "restaurant"};

// The option --server, one of these; --service is the same.
CLI::Option* AddServer(CLI::App& app, std::string& node);

// An option that takes a duration.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, Duration& value,
                         const std::string& description);

// The examples at the end of a subcommand's help.
void SetExamples(CLI::App& app, const std::string& examples);

void AddLoad(CLI::App& app, Context& context);
void AddReplay(CLI::App& app, Context& context);
void AddOrder(CLI::App& app, Context& context);
void AddOrderWatch(CLI::App& order, Context& context);   // of AddOrder
void AddOrderCreate(CLI::App& order, Context& context);  // of AddOrder
void AddCompare(CLI::App& app, Context& context);
void AddControl(CLI::App& app, Context& context);  // settings, calls, faults, ledger
void AddMessages(CLI::App& app, Context& context);
void AddBacklog(CLI::App& app, Context& context);
void AddStock(CLI::App& app, Context& context);
void AddAccount(CLI::App& app, Context& context);

}  // namespace lockstep::lab
