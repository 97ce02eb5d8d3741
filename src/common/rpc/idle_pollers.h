// Keeps gRPC's own idle threads out of the way of our loops.
//
// gRPC's epoll engine has one poller a process: of all threads that wait on any completion queue,
// one waits in the kernel for all, reads for whoever it is for, and wakes that thread. The threads
// of synchronous servers (the control plane), and those of the callback API (reflection, health),
// wait all the time, so most of a loop's input came by way of one of them: a context switch a call
// instead of one in eight calls, and 25 µs of CPU a call instead of 14 (scripts/bench,
// server_shell_cpu).
//
// So grpc_completion_queue_next is ours: the dynamic linker takes a program's definition before a
// library's. One of those threads waits in the kernel only while something has come for it lately;
// after that it looks every few milliseconds. What it serves is as quick as ever while it is in
// use, and answers its first call after idleness later by 10 ms at most. If a
// gRPC calls its function by another name one day, all is as it was before, only slower.
#pragma once

namespace lockstep::rpc {

// The calling thread, which waits on a queue of its own for what nobody is waiting for (a feed, an
// answer to a delivery), stands aside from now on: what comes is seen 2 ms later at most.
void StandAside();

// From now on, in this process. Idempotent; any thread.
void KeepIdlePollersAside();

}  // namespace lockstep::rpc
