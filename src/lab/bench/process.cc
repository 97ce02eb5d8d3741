#include "lab/bench/process.h"

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace lockstep::lab {
namespace {

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void BlockEndSignals() {
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void WaitForEndSignal() {
  const sigset_t signals = EndSignals();
  int signal = 0;
  sigwait(&signals, &signal);
}

void WriteReadyFile(const std::string& path, const std::string& address) {
  const std::string unfinished = path + ".part";
  {
    std::ofstream file(unfinished);
    file << JsonObject().Add("business", address).Add("pid", static_cast<int>(getpid())).Text()
         << "\n";
  }
  std::rename(unfinished.c_str(), path.c_str());
}

double CpuSeconds(pid_t pid) {
  clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
  timespec time{};
  if ((pid != 0 && clock_getcpuclockid(pid, &clock) != 0) || clock_gettime(clock, &time) != 0) {
    fmt::print(stderr, "there is no process {} whose CPU time could be read\n", pid);
    std::exit(1);
  }
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

ProcessState StateOf(pid_t pid) {
  const std::string name = pid == 0 ? "self" : fmt::to_string(pid);
  std::ifstream file(fmt::format("/proc/{}/stat", name));
  std::string line;
  std::getline(file, line);
  // The name, in parentheses, may hold spaces; what follows it does not. proc(5): state is field 3.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::vector<std::string> values{"", "", ""};
  for (std::string value; fields >> value;) values.push_back(value);
  if (values.size() < 25) return {};
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  return {std::stod(values[14]) * tick, std::stod(values[15]) * tick, std::stoll(values[10]),
          std::stoll(values[24]) * sysconf(_SC_PAGESIZE), std::stoi(values[20])};
}

std::int64_t MonotonicNanos() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

JsonObject& JsonObject::AddRaw(std::string_view key, std::string_view value) {
  text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", key, value);
  return *this;
}

JsonObject& JsonObject::Add(std::string_view key, double value) {
  return AddRaw(key, std::isfinite(value) ? fmt::format("{:.9g}", value) : "null");
}

JsonObject& JsonObject::Add(std::string_view key, std::int64_t value) {
  return AddRaw(key, fmt::to_string(value));
}

JsonObject& JsonObject::Add(std::string_view key, const std::string& value) {
  std::string quoted;
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return AddRaw(key, "\"" + quoted + "\"");
}

JsonObject& JsonObject::Add(std::string_view key, const JsonObject& value) {
  return AddRaw(key, value.Text());
}

JsonObject& JsonObject::Add(std::string_view key,
                            const std::map<std::string, std::int64_t>& value) {
  JsonObject object;
  for (const auto& [name, count] : value) object.Add(name, count);
  return Add(key, object);
}

void JsonObject::Print() const {
  fmt::print("{}\n", Text());
  std::fflush(stdout);
}

double Percentile(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto place = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return sorted[std::min(place, sorted.size() - 1)];
}

}  // namespace lockstep::lab
