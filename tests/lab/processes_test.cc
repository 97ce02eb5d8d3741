// Child processes: started, found ready, stuck, ended, and never left behind.
#include "lab/processes.h"

#include <csignal>
#include <fstream>

#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

StatusOr<Process> Shell(const TemporaryFolder& folder, const std::string& script) {
  return Process::Start("/bin/sh", {"-c", script}, folder.path() / "output");
}

bool Exists(pid_t pid) { return kill(pid, 0) == 0; }

TEST_CASE("a ready file is waited for and read") {
  auto folder = TemporaryFolder::Make();
  REQUIRE(folder.ok());
  const std::string ready = (folder->path() / "order.ready").string();
  auto process = Shell(*folder,
                       "echo '{\"node\":\"order\",\"pid\":1,\"business\":\"127.0.0.1:1\","
                       "\"control\":\"127.0.0.1:2\",\"sync\":\"127.0.0.1:3\"}' > " +
                           ready + ".new; mv " + ready + ".new " + ready + "; exec sleep 60");
  REQUIRE(process.ok());
  const auto addresses = WaitUntilReady(*process, ready, 20s);
  REQUIRE(addresses.ok());
  REQUIRE(addresses->business == "127.0.0.1:1");
  REQUIRE(addresses->sync == "127.0.0.1:3");
  REQUIRE(process->Threads() == 1);
}

TEST_CASE("a server that ends before it is ready is an error with what it said") {
  auto folder = TemporaryFolder::Make();
  auto process = Shell(*folder, "echo the port is taken >&2; exit 1");
  const auto addresses = WaitUntilReady(*process, folder->path() / "never", 20s);
  REQUIRE_THAT(MessageOf(addresses.status()), Catch::Contains("the port is taken"));
}

TEST_CASE("a server that is never ready is given up in time") {
  auto folder = TemporaryFolder::Make();
  auto process = Shell(*folder, "exec sleep 60");
  const auto addresses = WaitUntilReady(*process, folder->path() / "never", 50ms);
  REQUIRE_THAT(MessageOf(addresses.status()), Catch::Contains("not ready in time"));
}

TEST_CASE("a program that is not there cannot be started") {
  REQUIRE_THAT(MessageOf(Process::Start("/nowhere/lockstep-order", {}, "/dev/null").status()),
               Catch::Contains("/nowhere/lockstep-order"));
}

TEST_CASE("a process goes with its object, also when it is stuck") {
  auto folder = TemporaryFolder::Make();
  pid_t pid = 0;
  {
    auto process = Shell(*folder, "exec sleep 60");
    pid = process->pid();
    REQUIRE(Exists(pid));
    process->Signal(SIGSTOP);
  }
  REQUIRE_FALSE(Exists(pid));
}

TEST_CASE("termination is asked for, and forced where it is not heard") {
  auto folder = TemporaryFolder::Make();
  auto willing = Shell(*folder, "exec sleep 60");
  REQUIRE(willing->Terminate(20s));
  REQUIRE_FALSE(willing->running());
  auto stuck = Shell(*folder, "exec sleep 60");
  stuck->Signal(SIGSTOP);
  REQUIRE(stuck->Terminate(20s));
  const std::string ready = (folder->path() / "deaf").string();
  auto deaf =
      Shell(*folder, "trap '' TERM; echo '{\"business\":\"a\",\"control\":\"b\"}' > " + ready +
                         ".new; mv " + ready + ".new " + ready + "; while :; do sleep 0.1; done");
  REQUIRE(WaitUntilReady(*deaf, ready, 20s).ok());  // from here on it is deaf
  REQUIRE_FALSE(deaf->Terminate(50ms));
  REQUIRE_FALSE(deaf->running());
}

TEST_CASE("a temporary folder goes with all that is in it") {
  std::filesystem::path path;
  {
    auto folder = TemporaryFolder::Make();
    path = folder->path();
    std::ofstream(path / "file") << "text";
    REQUIRE(std::filesystem::exists(path / "file"));
  }
  REQUIRE_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace lockstep::lab
