// Waiting for a condition in a test: as long as it takes, up to a patience that only a failure uses
// up. And the one way to see what a process writes to stderr or how it ends: run this program again
// with one of its hidden cases.
#pragma once

#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "common/base/check.h"

namespace lockstep::test {

inline constexpr std::chrono::seconds kPatience(20);

// True once the condition holds; false when patience has run out.
template <class Condition>
[[nodiscard]] bool Eventually(Condition condition,
                              std::chrono::steady_clock::duration patience = kPatience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// Keeps the calling thread busy, as what must not run on a loop would.
inline void Busy(std::chrono::steady_clock::duration duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
}

struct ProcessEnd {
  std::string output;  // stdout and stderr
  int status = 0;      // as the shell has it: 134 for an abort
};

// test_case: the name of a case of this very program, tagged [.] so that it runs only when asked
// for.
inline ProcessEnd RunCase(const std::string& test_case) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "'" + self + "' '" + test_case + "' 2>&1; exit $?";
  std::FILE* const pipe = popen(command.c_str(), "r");
  LOCKSTEP_CHECK(pipe != nullptr);
  ProcessEnd end;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
    end.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

}  // namespace lockstep::test
