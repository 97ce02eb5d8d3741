// What a long act says while it runs: on a terminal one line that changes, elsewhere a line now and
// then. Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace lockstep::lab {

class Progress {
 public:
  // what: "replaying orders.csv, blocking". quiet: says nothing at all.
  Progress(std::string what, std::int64_t total, bool quiet);
  ~Progress();  // Done()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // note: what else is worth seeing, "12 refused". May be called often; writes seldom.
  void At(std::int64_t done, const std::string& note = "");
  // Takes the line of a terminal away.
  void Done();

 private:
  const std::string what_;
  const std::int64_t total_;
  const bool quiet_;
  const bool is_terminal_;
  const SteadyTime start_;
  SteadyTime last_;
  bool line_is_open_ = false;
};

// "replaying: 4,000 of 10,127, about 12 s more, 3 refused". Pure.
std::string ProgressText(const std::string& what, std::int64_t done, std::int64_t total,
                         Duration elapsed, const std::string& note);

}  // namespace lockstep::lab
