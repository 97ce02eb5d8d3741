// Kill points: the process ends at the armed one, the Nth time, and at no other.
#include "common/base/kill_point.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/catch.h"

namespace lockstep {
namespace {

// How a child ends that arms a point and passes this one so often: its exit status, or minus the
// signal.
int EndOf(const std::string& armed, KillPoint passed, int times) {
  const pid_t child = fork();
  if (child == 0) {
    if (!ArmKillPoint(armed).ok()) _exit(2);
    close(STDERR_FILENO);
    for (int i = 0; i < times; ++i) PassKillPoint(passed);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_CASE("a process ends by SIGKILL the nth time that it passes the armed point") {
  CHECK(EndOf("relay.sent", KillPoint::kRelaySent, 1) == -SIGKILL);
  CHECK(EndOf("relay.sent:3", KillPoint::kRelaySent, 3) == -SIGKILL);
  CHECK(EndOf("copy.before_commit", KillPoint::kCopyBeforeCommit, 1) == -SIGKILL);
  CHECK(EndOf("relay.sent:3", KillPoint::kRelaySent, 2) == 0);
  CHECK(EndOf("relay.sent", KillPoint::kRelayMarked, 5) == 0);
}

TEST_CASE("a kill point that there is not is refused with all that there are") {
  const Status unknown = ArmKillPoint("relay.snet");
  REQUIRE(unknown.code() == StatusCode::kInvalidArgument);
  CHECK(MessageOf(unknown).find("relay.sent, relay.marked") != std::string::npos);
  CHECK(MessageOf(unknown).find("\"relay.snet\"") != std::string::npos);
  for (const char* text : {"relay.sent:", "relay.sent:0", "relay.sent:-1", "relay.sent:2x",
                           "relay.sent:1000001", ":1", ""}) {
    CHECK_FALSE(ArmKillPoint(text).ok());
  }
}

}  // namespace
}  // namespace lockstep
