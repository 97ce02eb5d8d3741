// The frame of a server process: flags, signals, the business server, the control server, the ready
// file, orderly shutdown. The three servers differ in the HostedService that they put into it.
//
// Threads: main waits for signals; a housekeeping thread calls Health and Tick; a business call
// runs on the loops of the business server; the control server has threads of its own, and shares
// neither pool nor queue with the business plane.
//
// The life of a server: make (database open, and the service able to answer) → the business server
// accepts → Start → the control server accepts → health says SERVING → the ready file is there. On
// SIGTERM or SIGINT: health says NOT_SERVING → the business server stops accepting, and Drain runs
// beside that; calls under way have the grace to end, then GraceOver → settings can no longer be
// changed → Stop → the control server ends → the service is destroyed → exit status 0. A second
// signal ends the process at once, as that signal does: a shell sees 143 or 130.
//
// Exit status: 0 after an orderly end, 1 if the server cannot start, 2 for a command line that it
// does not understand; with 1 and 2 goes one line on stderr.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/status.h"
#include "common/control/ledger.h"
#include "common/control/message_port.h"
#include "common/control/settings.h"
#include "common/fault/injector.h"
#include "common/rpc/health_board.h"
#include "common/rpc/server.h"
#include "common/rpc/server_call.h"

namespace CLI {
class App;
}

namespace lockstep::control {

// The flags that every server has.
struct ServerFlags {
  std::string listen;      // HOST:PORT, the business address
  std::string control;     // HOST:PORT
  std::string db;          // the SQLite file
  std::string ready_file;  // empty: none
  std::string node;
  int loops = 1;
  bool faults_allowed = true;
  Duration shutdown_grace = limits::kShutdownGraceDefault;
};

// What the frame has for a service. All of it outlives the service.
struct HostContext {
  const ServerFlags& flags;
  rpc::CallRules& rules;  // observer and node are set; the frame keeps it in step with settings
  fault::Injector& faults;
  rpc::HealthBoard& health;
  Ledger& ledger;
  SettingsBoard& settings;
};

class HostedService {
 public:
  virtual ~HostedService() = default;

  // The generated services, with raw methods, and their methods; both as long as the service lives.
  virtual std::vector<grpc::Service*> services() = 0;
  virtual std::vector<rpc::MethodBase*> methods() = 0;

  // After the business server is up: what needs its loops, and servers beside it. Calls may come in
  // before this.
  virtual Status Start(rpc::QueueServer& /*business*/) { return OkStatus(); }
  // Addresses beside the two of every server, for the ready file: {"sync",
  // "127.0.0.1:50071"}. After Start.
  virtual std::map<std::string, std::string> Addresses() { return {}; }
  // Its boxes of messages, for ControlService; null: it has none. After Start; used until Stop.
  virtual MessagePort* messages() { return nullptr; }

  // On the housekeeping thread, about every 250 ms and once before the server says SERVING.
  // Health: OK, or why the service cannot serve ("the database cannot be written: …"): the frame
  // sets "" and the names of services() by it. Names beside these are Tick's to set.
  virtual Status Health() { return OkStatus(); }
  virtual void Tick() {}

  // Stops accepting on servers of the service's own; returns when their calls have ended, soon
  // after the grace at the latest. On a thread of its own, beside the same for the business server;
  // its loops still run.
  virtual void Drain(Duration /*grace*/) {}
  // The grace has passed and calls are still under way: cancels what they wait for elsewhere.
  // Beside Drain.
  virtual void GraceOver() {}
  // All calls have ended, no Tick will come, the loops have stopped: pool, store.
  virtual void Stop() {}
};

// What one server is.
struct ProgramSpec {
  std::string name;         // "lockstep-order"
  std::string node;         // "order": the default of --node
  std::string listen;       // "127.0.0.1:50051": the default of --listen
  std::string control;      // the default of --control
  std::string db;           // the default of --db
  std::string description;  // for --help
  std::string examples;     // the same: lines, indented by two

  // The service's own flags. May be null.
  std::function<void(CLI::App&)> add_flags;
  // After the flags were read: changes what the server starts with; Order puts its `order` there.
  // May be null.
  std::function<void(v1::Settings&)> initial_settings;
  // Opens the database and makes the service. An error ends the server with its message and status
  // 1.
  std::function<StatusOr<std::unique_ptr<HostedService>>(const HostContext&)> make;
};

// All of main. Nothing may come before it.
int RunServer(int argc, char** argv, const ProgramSpec& spec);

}  // namespace lockstep::control
