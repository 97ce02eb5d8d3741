#include "common/rpc/idle_pollers.h"

#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <time.h>

#include <array>
#include <atomic>
#include <string_view>

#include "common/base/clock.h"

namespace lockstep::rpc {
namespace {

// When a thread stands aside, and how often it looks then.
struct Habit {
  Duration idle_after;
  Duration looks_every;
};
// After so long without anything to do; 0.1 % of a processor.
constexpr Habit kGrpcsOwn = {std::chrono::milliseconds(500), std::chrono::milliseconds(10)};
// Always: a feed has something every now and then, and nobody waits for it; 0.2 % of a processor.
constexpr Habit kFollower = {Duration::zero(), std::chrono::milliseconds(2)};

using Next = grpc_event (*)(grpc_completion_queue*, gpr_timespec, void*);

std::atomic<bool> kept_aside = false;

Next LibrarysNext() {
  static const Next next = reinterpret_cast<Next>(dlsym(RTLD_NEXT, "grpc_completion_queue_next"));
  return next;
}

// By the names that gRPC gives to its threads; the kernel keeps 15 bytes of each.
// Null: it waits as gRPC has it.
const Habit* HabitOfThisThread() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  const std::string_view text(name.data());
  return text == "nexting_thread" || text == "grpcpp_sync_ser" ? &kGrpcsOwn : nullptr;
}

thread_local const Habit* habit_of_this_thread = HabitOfThisThread();

gpr_timespec Now() { return gpr_now(GPR_CLOCK_MONOTONIC); }
gpr_timespec After(Duration time) {
  return gpr_time_add(Now(), gpr_time_from_nanos(time.count(), GPR_TIMESPAN));
}

void WaitUntil(gpr_timespec moment) {
  timespec time{};
  time.tv_sec = moment.tv_sec;
  time.tv_nsec = moment.tv_nsec;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

// What the library's function does, waiting in the kernel only until used_until.
grpc_event NextAside(const Habit& habit, grpc_completion_queue* queue, gpr_timespec deadline,
                     gpr_timespec& used_until) {
  deadline = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
  while (true) {
    const bool used = gpr_time_cmp(Now(), used_until) < 0;
    const gpr_timespec wait_until =
        used ? gpr_time_min(deadline, used_until) : gpr_time_0(GPR_CLOCK_MONOTONIC);
    const grpc_event event = LibrarysNext()(queue, wait_until, nullptr);
    if (event.type != GRPC_QUEUE_TIMEOUT) {
      used_until = After(habit.idle_after);
      return event;
    }
    if (gpr_time_cmp(Now(), deadline) >= 0) return event;
    if (!used) WaitUntil(gpr_time_min(deadline, After(habit.looks_every)));
  }
}

}  // namespace

void StandAside() { habit_of_this_thread = &kFollower; }

void KeepIdlePollersAside() { kept_aside.store(true, std::memory_order_relaxed); }

}  // namespace lockstep::rpc

// In place of the library's own: whoever waits on a completion queue in this process comes here.
extern "C" grpc_event grpc_completion_queue_next(grpc_completion_queue* queue,
                                                 gpr_timespec deadline, void* reserved) {
  using namespace lockstep::rpc;
  const Habit* const habit = habit_of_this_thread;
  if (habit == nullptr || !kept_aside.load(std::memory_order_relaxed))
    return LibrarysNext()(queue, deadline, reserved);
  static thread_local gpr_timespec used_until = After(habit->idle_after);
  return NextAside(*habit, queue, deadline, used_until);
}
