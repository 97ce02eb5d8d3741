// Server processes of our own: started, stopped, stuck and killed for a comparison, and gone when
// we are.
//
// A child is exec'd at once after the fork (TRAPS 18) and is killed by the kernel if this program
// dies in whatever way. Threads: one; Start on the main thread, because the kernel ties a child to
// the thread that started it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace lockstep::lab {

class Process {
 public:
  // Output goes to the file. UNAVAILABLE if the program cannot be started.
  static StatusOr<Process> Start(const std::filesystem::path& program,
                                 const std::vector<std::string>& arguments,
                                 const std::filesystem::path& output);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // Kill()

  pid_t pid() const { return pid_; }
  const std::filesystem::path& output() const { return output_; }
  bool running();               // false once it has ended
  void Signal(int signal);      // nothing where it has ended
  void Kill();                  // SIGKILL, and waits for its end
  bool Terminate(Duration by);  // SIGTERM; false, and SIGKILL, if it has not ended by then
  // What the kernel counts: its threads now; 0 where it has ended.
  int Threads() const;

 private:
  Process(pid_t pid, std::filesystem::path output) : pid_(pid), output_(std::move(output)) {}
  pid_t pid_ = -1;  // -1: ended and waited for
  std::filesystem::path output_;
};

// An address of the loopback interface that nobody listens on: for a server whose address others
// must be told before it runs. From below the ports that the system gives away by itself, so that
// none of those takes it meanwhile.
StatusOr<std::string> FreeAddress();

// What a server writes into its ready file.
struct ServerAddresses {
  std::string node;
  std::string business;
  std::string control;
  std::string sync;  // of the order service alone
};

StatusOr<ServerAddresses> ReadReadyFile(const std::filesystem::path& file);

// Waits until the file is there. If the process ends before, or the time is up, the error quotes
// the end of its output.
StatusOr<ServerAddresses> WaitUntilReady(Process& process, const std::filesystem::path& ready_file,
                                         Duration limit);

// A folder of our own under the system's folder for such things, removed with all in it at the end.
class TemporaryFolder {
 public:
  static StatusOr<TemporaryFolder> Make();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace lockstep::lab
