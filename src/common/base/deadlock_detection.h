// Debian builds Abseil with its debug checks, so each lock that gRPC takes is entered in a graph of
// who may wait for whom: 8 % of the CPU time of a call. That finds mistakes in gRPC, not in ours,
// and gRPC's are not ours to find in a server at work.
#pragma once

namespace lockstep {

// From now on, in this process. Any thread.
void StopAbseilsDeadlockDetection();

}  // namespace lockstep
