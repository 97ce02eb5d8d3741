// Ctrl-C: the first asks for an end that leaves figures and no processes behind, the second ends at
// once.
#pragma once

namespace lockstep::lab {

// Before other threads start. Takes SIGINT and SIGTERM.
void WatchForInterrupt();

// True once one of them has come.
bool Interrupted();

}  // namespace lockstep::lab
