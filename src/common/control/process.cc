#include "common/control/process.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

namespace lockstep::control {
namespace {

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void PrepareProcess() {
  // A thread that waits in a blocking stub sees that its peer is back only at gRPC's backup poll,
  // every 5 s by default.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100", 0);
  // gRPC's own lines (a taken port) say what ours say, in other words.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // A connection is a descriptor, and gRPC never accepts again once it has run out (TRAPS 21).
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int WaitForSignal() {
  const sigset_t signals = EndingSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  return signal;
}

void LetSignalsEndTheProcess() {
  // A shell starts what runs in its background with SIGINT ignored.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace lockstep::control
