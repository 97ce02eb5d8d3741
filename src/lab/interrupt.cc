#include "lab/interrupt.h"

#include <csignal>

namespace lockstep::lab {
namespace {

volatile std::sig_atomic_t interrupted = 0;

// Child processes end with this one, see processes.cc, so the second signal needs to clean up
// nothing but files.
void OnSignal(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void WatchForInterrupt() {
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
}

bool Interrupted() { return interrupted != 0; }

}  // namespace lockstep::lab
