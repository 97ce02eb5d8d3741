#include "common/control/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include "common/base/duration_text.h"
#include "common/base/kill_point.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"

namespace lockstep::control {
namespace {

constexpr int kExitUsage = 2;

// Of HOST:PORT; -1 if it is none.
int PortOf(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos && colon > 0) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || stop != end || port > 65535) port = -1;
  }
  return port;
}

std::string AddressProblem(const std::string& text) {
  if (PortOf(text) >= 0) return "";
  return fmt::format("{} is no HOST:PORT with a port of 0 to 65535; 0 takes a free one",
                     Quoted(text));
}

const std::map<std::string, log::Level>& LogLevels() {
  static const std::map<std::string, log::Level> levels = {{"debug", log::Level::kDebug},
                                                           {"info", log::Level::kInfo},
                                                           {"warning", log::Level::kWarning},
                                                           {"error", log::Level::kError}};
  return levels;
}

// What CLI11 fills in; turned into Started afterwards.
struct Raw {
  ServerFlags flags;
  std::string log_format = "text";
  std::string log_level = "info";
  bool no_faults = false;
  std::string kill_at;
  bool keep_expired = false;
  Duration call_limit = limits::kCallLimitDefault;
  int calls_in_flight_max = limits::kCallsInFlightDefault;
};

void AddFlags(CLI::App& app, Raw& raw) {
  ServerFlags& flags = raw.flags;
  AddAddressFlag(app, "--listen", flags.listen, "business address; port 0 takes a free one");
  AddAddressFlag(app, "--control", flags.control, "control address; port 0 takes a free one");
  app.add_option("--db", flags.db, "the SQLite file; made if it is not there")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--ready-file", flags.ready_file,
                 "written, as JSON, once every port accepts: which they are")
      ->type_name("FILE");
  app.add_option("--node", flags.node, "this server's name in receipts, ledger and logs")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--loops", flags.loops, "completion loops, a thread each")
      ->check(CLI::Range(1, limits::kLoopsMax))
      ->type_name("N")
      ->capture_default_str();
  AddDurationFlag(app, "--shutdown-grace", flags.shutdown_grace,
                  "how long calls under way may take at the end");
  AddDurationFlag(app, "--call-limit", raw.call_limit,
                  "bounds the work on a call that has no deadline");
  app.add_option("--calls-in-flight-max", raw.calls_in_flight_max,
                 "calls under way at once; more are refused")
      ->check(CLI::Range(1, limits::kCallsInFlightMax))
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--keep-expired", raw.keep_expired,
               "begin work although its deadline has passed, to see what dropping it is worth");
  app.add_flag("--no-faults", raw.no_faults, "refuse SetFaults and --kill-at");
  app.add_option("--kill-at", raw.kill_at,
                 "to test crashes: end by SIGKILL the Nth time (1 unless given) that this point is "
                 "passed; one of " +
                     KillPointNames())
      ->type_name("NAME[:N]");
  app.add_option("--log-format", raw.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--log-level", raw.log_level,
                 "the least that is logged: debug, info, warning, error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
}

using Peers = std::map<std::string, std::vector<std::string>>;

// "order=127.0.0.1:50051,127.0.0.1:50081" into peers; what is wrong with it, or nothing.
std::string ReadPeer(const std::string& text, Peers& peers) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return fmt::format("{} is no NAME=HOST:PORT[,HOST:PORT...]", Quoted(text));
  }
  const std::string name = text.substr(0, equals);
  Violations violations;
  if (!violations.RequireId("the name of a peer", name)) return MessageOf(violations.ToStatus());
  std::vector<std::string> addresses;
  for (std::size_t begin = equals + 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    addresses.push_back(text.substr(begin, end - begin));
    const std::string& address = addresses.back();
    if (PortOf(address) < 1) {
      return fmt::format("{} of peer {} is no HOST:PORT with a port of 1 to 65535", Quoted(address),
                         name);
    }
    if (std::count(addresses.begin(), addresses.end(), address) > 1) {
      return fmt::format("peer {} has the address {} twice", name, address);
    }
    begin = end + 1;
  }
  if (!peers.emplace(name, std::move(addresses)).second) {
    return fmt::format("peer {} is given twice; all its addresses go into one: {}=A,B", name, name);
  }
  return "";
}

std::string PeersText(const Peers& peers) {
  std::string text;
  for (const auto& [name, addresses] : peers) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, fmt::join(addresses, ","));
  }
  return text;
}

Status CheckNode(const std::string& node) {
  Violations violations;
  violations.RequireId("--node", node);
  return violations.ToStatus();
}

// Before there are threads.
Status Arm(const Raw& raw) {
  if (raw.kill_at.empty()) return OkStatus();
  if (raw.no_faults) {
    return InvalidRequest({{"--kill-at", "is refused with --no-faults: leave one of them out"}});
  }
  return ArmKillPoint(raw.kill_at);
}

StatusOr<Started> ToStarted(Raw raw, const ProgramSpec& spec) {
  const Status node = CheckNode(raw.flags.node);
  if (!node.ok()) return node;
  if (Status armed = Arm(raw); !armed.ok()) return armed;
  Started started;
  raw.flags.faults_allowed = !raw.no_faults;
  started.log.format = raw.log_format == "json" ? log::Format::kJson : log::Format::kText;
  started.log.least = LogLevels().at(raw.log_level);
  started.log.node = raw.flags.node;
  started.log.in_background = true;
  started.settings = DefaultSettings();
  started.settings.set_drop_expired(!raw.keep_expired);
  started.settings.set_calls_in_flight_max(raw.calls_in_flight_max);
  rpc::SetDuration(raw.call_limit, started.settings.mutable_call_limit());
  if (spec.initial_settings) spec.initial_settings(started.settings);
  const Status valid = ValidateSettings(started.settings);
  if (!valid.ok()) return valid;
  started.flags = std::move(raw.flags);
  return started;
}

std::nullopt_t Refuse(const ProgramSpec& spec, std::string_view problem, int& exit_status) {
  fmt::print(stderr, "{}: {}; see {} --help\n", spec.name, problem, spec.name);
  exit_status = kExitUsage;
  return std::nullopt;
}

}  // namespace

void AddDurationFlag(CLI::App& app, const std::string& name, Duration& value,
                     const std::string& description, Duration most) {
  app.add_option_function<std::string>(
         name,
         [name, &value, most](const std::string& text) {
           const StatusOr<Duration> duration = ParseDuration(text, most);
           if (!duration.ok()) throw CLI::ValidationError(name, MessageOf(duration.status()));
           value = *duration;
         },
         description)
      ->type_name("DURATION")
      ->default_str(DurationText(value));
}

void AddAddressFlag(CLI::App& app, const std::string& name, std::string& value,
                    const std::string& description) {
  app.add_option(name, value, description)
      ->check(CLI::Validator([](std::string& text) { return AddressProblem(text); }, "", "address"))
      ->type_name("HOST:PORT")
      ->capture_default_str();
}

void AddOptionalAddressFlag(CLI::App& app, const std::string& name, std::string& value,
                            const std::string& description) {
  app.add_option(name, value, description)
      ->check(CLI::Validator(
          [](std::string& text) { return text == kNoAddress ? "" : AddressProblem(text); }, "",
          "address"))
      ->type_name("HOST:PORT|none")
      ->capture_default_str();
}

void AddPeerFlag(CLI::App& app, Peers& peers) {
  app.add_option_function<std::vector<std::string>>(
         "--peer",
         [&peers](const std::vector<std::string>& texts) {
           Peers given;
           for (const std::string& text : texts) {
             const std::string problem = ReadPeer(text, given);
             if (!problem.empty()) throw CLI::ValidationError("--peer", problem);
           }
           given.merge(peers);
           peers = std::move(given);
         },
         "where messages for a role go and its feed is; repeatable, and a role can have several "
         "addresses")
      ->type_name("NAME=HOST:PORT[,HOST:PORT...]")
      ->default_str(PeersText(peers));
}

std::optional<Started> ReadFlags(int argc, char** argv, const ProgramSpec& spec, int& exit_status) {
  Raw raw;
  raw.flags.listen = spec.listen;
  raw.flags.control = spec.control;
  raw.flags.db = spec.db;
  raw.flags.node = spec.node;
  CLI::App app(spec.description, spec.name);
  app.get_formatter()->column_width(36);
  app.set_version_flag("--version", fmt::format("{} {}", spec.name, LOCKSTEP_VERSION));
  app.footer(fmt::format("Examples:\n{}", spec.examples));
  AddFlags(app, raw);
  if (spec.add_flags) spec.add_flags(app);
  exit_status = 0;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& answered) {  // --help, --version
    app.exit(answered);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return Refuse(spec, error.what(), exit_status);
  }
  StatusOr<Started> started = ToStarted(std::move(raw), spec);
  if (!started.ok()) return Refuse(spec, MessageOf(started.status()), exit_status);
  return *std::move(started);
}

}  // namespace lockstep::control
