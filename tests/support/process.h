// A program of ours as another process: started by exec, looked at, signalled, and killed at the
// latest when the test ends. Threads: one.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "tests/support/temp_dir.h"

namespace lockstep::test {

// Looks again and again, with pauses: what happens in another process sends no signal. False if it
// has not happened in time.
template <class Condition>
[[nodiscard]] bool Poll(Condition condition,
                        std::chrono::steady_clock::duration patience = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::string TextOfFile(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class Process {
 public:
  // program: in the build's bin/. error_descriptor: where its stderr goes; -1: to a file.
  Process(const std::string& program, const std::vector<std::string>& arguments,
          int error_descriptor = -1) {
    const char* const directory = std::getenv("LOCKSTEP_BIN_DIR");
    const std::filesystem::path path =
        (directory != nullptr ? std::filesystem::path(directory)
                              : std::filesystem::read_symlink("/proc/self/exe")
                                        .parent_path()
                                        .parent_path()
                                        .parent_path() /
                                    "bin") /
        program;
    std::vector<std::string> words = {path.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const int out = open(directory_.File("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int error = error_descriptor >= 0 ? error_descriptor
                                            : open(directory_.File("err").c_str(),
                                                   O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    pid_ = fork();
    LOCKSTEP_CHECK(pid_ >= 0);
    if (pid_ == 0) {  // only what is safe after the fork of a process with threads
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(out, STDOUT_FILENO);
      dup2(error, STDERR_FILENO);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    close(out);
    if (error_descriptor < 0) close(error);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!Ended()) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status_, 0);
    }
    // What a sanitizer found there would be gone with the file.
    if (const std::string text = err(); text.find("Sanitizer") != std::string::npos)
      std::cerr << text;
  }

  pid_t pid() const { return pid_; }
  std::string out() const { return TextOfFile(directory_.File("out")); }
  std::string err() const { return TextOfFile(directory_.File("err")); }

  void Signal(int signal) { kill(pid_, signal); }

  bool Ended() {
    if (!ended_) ended_ = waitpid(pid_, &status_, WNOHANG) == pid_;
    return ended_;
  }

  // Waits for the end; the exit status as a shell has it: 143 for a SIGTERM. -1 if it does not end.
  int Wait() {
    if (!Poll([this] { return Ended(); })) return -1;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  TempDir directory_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace lockstep::test
