// The command line of a server.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/control/host.h"

namespace lockstep::control {

struct Started {
  ServerFlags flags;
  log::Options log;
  v1::Settings settings;
};

// Reads the flags of the frame and of the service. Without a value the process is to end with
// exit_status: --help and --version have been answered on stdout, a mistake with one line on
// stderr.
std::optional<Started> ReadFlags(int argc, char** argv, const ProgramSpec& spec, int& exit_status);

// A flag whose value is a duration: "80ms", "1.5s"; at most `most`.
void AddDurationFlag(CLI::App& app, const std::string& name, Duration& value,
                     const std::string& description, Duration most = limits::kTimeoutMax);
// A flag whose value is an address: "127.0.0.1:50051".
void AddAddressFlag(CLI::App& app, const std::string& name, std::string& value,
                    const std::string& description);
// The same, or "none": kNoAddress.
void AddOptionalAddressFlag(CLI::App& app, const std::string& name, std::string& value,
                            const std::string& description);
inline constexpr char kNoAddress[] = "none";
// --peer NAME=HOST:PORT[,HOST:PORT...], repeatable: role of a peer → its addresses. What peers
// holds already are the defaults; a name that is given takes the place of its default. Given twice
// for a name, or with an address twice: refused.
void AddPeerFlag(CLI::App& app, std::map<std::string, std::vector<std::string>>& peers);

}  // namespace lockstep::control
