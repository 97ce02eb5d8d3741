// What a server asks of its process: environment, signals, descriptors.
#pragma once

namespace lockstep::control {

// The first statement of main, before any thread and before gRPC reads its environment. Blocks
// SIGTERM and SIGINT in this thread and all that it starts.
void PrepareProcess();

// Waits for SIGTERM or SIGINT. Only the thread that called PrepareProcess.
int WaitForSignal();

// From now on SIGTERM and SIGINT end the process at once.
void LetSignalsEndTheProcess();

}  // namespace lockstep::control
