#include "lab/processes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "lab/json.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;

constexpr Duration kLookAgain = 2ms;  // at a child that is starting or ending
constexpr std::size_t kOutputQuotedBytes = 2000;

// In the child, where only what is safe after a fork of a process with threads may be called.
[[noreturn]] void Exec(pid_t parent, const char* program, char* const* arguments,
                       const char* output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  setpgid(0, 0);  // Ctrl-C in the terminal is for the parent, who then ends the child
  const int file = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) {
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(program, arguments);
  _exit(127);
}

std::string EndOf(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (text.size() > kOutputQuotedBytes) text.erase(0, text.size() - kOutputQuotedBytes);
  return text.empty() ? "(it wrote nothing)" : text;
}

}  // namespace

StatusOr<Process> Process::Start(const std::filesystem::path& program,
                                 const std::vector<std::string>& arguments,
                                 const std::filesystem::path& output) {
  if (access(program.c_str(), X_OK) != 0) {
    return MakeError(StatusCode::kUnavailable, "PROGRAM_NOT_STARTED",
                     fmt::format("{}: {}", program.string(), std::strerror(errno)));
  }
  std::vector<std::string> words = {program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Exec(parent, program.c_str(), pointers.data(), output.c_str());
  if (pid < 0) {
    return MakeError(StatusCode::kUnavailable, "PROGRAM_NOT_STARTED",
                     fmt::format("{}: {}", program.string(), std::strerror(errno)));
  }
  return Process(pid, output);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, -1);
    output_ = std::move(other.output_);
  }
  return *this;
}

Process::~Process() { Kill(); }

bool Process::running() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

void Process::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

void Process::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

bool Process::Terminate(Duration by) {
  const SteadyTime end = Clock::Real().Now() + by;
  Signal(SIGCONT);  // a stopped one would never see the other
  Signal(SIGTERM);
  while (running() && Clock::Real().Now() < end) std::this_thread::sleep_for(kLookAgain);
  if (!running()) return true;
  Kill();
  return false;
}

int Process::Threads() const {
  if (pid_ <= 0) return 0;
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string key; status >> key;) {
    int threads = 0;
    if (key == "Threads:" && status >> threads) return threads;
  }
  return 0;
}

StatusOr<std::string> FreeAddress() {
  constexpr int kTries = 1000;
  std::random_device chance;
  for (int i = 0; i < kTries; ++i) {
    const auto port = std::uniform_int_distribution<std::uint16_t>(20'000, 31'999)(chance);
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) break;
    const int yes = 1;
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(probe);
    if (is_free) return fmt::format("127.0.0.1:{}", port);
  }
  return MakeError(StatusCode::kUnavailable, "NO_FREE_PORT",
                   "no free port was found between 20000 and 31999");
}

StatusOr<ServerAddresses> ReadReadyFile(const std::filesystem::path& file) {
  const StatusOr<Json> json = ReadJson(file);
  if (!json.ok()) return json.status();
  ServerAddresses addresses{TextOf(*json, "node"), TextOf(*json, "business"),
                            TextOf(*json, "control"), TextOf(*json, "sync")};
  if (addresses.business.empty() || addresses.control.empty()) {
    return MakeError(StatusCode::kInvalidArgument, "FILE_UNREADABLE",
                     fmt::format("{}: names no addresses", file.string()));
  }
  return addresses;
}

StatusOr<ServerAddresses> WaitUntilReady(Process& process, const std::filesystem::path& ready_file,
                                         Duration limit) {
  const SteadyTime end = Clock::Real().Now() + limit;
  std::error_code error;
  while (!std::filesystem::exists(ready_file, error)) {
    const bool is_running = process.running();
    if (is_running && Clock::Real().Now() < end) {
      std::this_thread::sleep_for(kLookAgain);
      continue;
    }
    return MakeError(StatusCode::kUnavailable, "SERVER_NOT_READY",
                     fmt::format("a server {}; it said:\n{}",
                                 is_running ? "is not ready in time" : "ended before it was ready",
                                 EndOf(process.output())));
  }
  return ReadReadyFile(ready_file);
}

StatusOr<TemporaryFolder> TemporaryFolder::Make() {
  std::error_code error;
  std::string pattern = (std::filesystem::temp_directory_path(error) / "lockstep-XXXXXX").string();
  if (error || mkdtemp(pattern.data()) == nullptr) {
    return MakeError(StatusCode::kUnavailable, "FOLDER_NOT_MADE",
                     fmt::format("{}: cannot be made", pattern));
  }
  return TemporaryFolder(pattern);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

}  // namespace lockstep::lab
