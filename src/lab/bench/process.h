// What every program of the bench does alike: says where it listens, waits to be told to end, reads
// the CPU clocks of processes, and writes one JSON object. Threads: the main thread, unless said.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep::lab {

// Blocks SIGTERM and SIGINT for this thread and those that it starts; before any other thread.
void BlockEndSignals();
// Until one of them comes.
void WaitForEndSignal();

// {"business": …, "pid": …}, as our servers write it; whole or not at all.
void WriteReadyFile(const std::string& path, const std::string& address);

// The CPU time that a process has used, all its threads together, in seconds: the kernel's own
// clock of the process, exact to nanoseconds. 0: this process. Ends the process if there is none.
double CpuSeconds(pid_t pid);

// What /proc says of a process.
struct ProcessState {
  double user_seconds = 0;  // these two in ticks of 10 ms
  double system_seconds = 0;
  std::int64_t minor_faults = 0;
  std::int64_t resident_bytes = 0;
  int threads = 0;
};
ProcessState StateOf(pid_t pid);

// The monotonic clock in nanoseconds; the same in all processes of the machine.
std::int64_t MonotonicNanos();

// One JSON object, written field by field in the order of the calls.
class JsonObject {
 public:
  JsonObject& Add(std::string_view key, double value);
  JsonObject& Add(std::string_view key, std::int64_t value);
  JsonObject& Add(std::string_view key, int value) { return Add(key, std::int64_t{value}); }
  JsonObject& Add(std::string_view key, const std::string& value);
  JsonObject& Add(std::string_view key, const JsonObject& value);
  JsonObject& Add(std::string_view key, const std::map<std::string, std::int64_t>& value);
  std::string Text() const { return "{" + text_ + "}"; }
  void Print() const;  // with a newline, flushed

 private:
  JsonObject& AddRaw(std::string_view key, std::string_view value);
  std::string text_;
};

// The value below which this part of the sorted values lies; 0 if there are none.
double Percentile(const std::vector<double>& sorted, double part);

}  // namespace lockstep::lab
