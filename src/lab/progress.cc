#include "lab/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "lab/table.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kTerminalInterval = 200ms;
constexpr Duration kPlainInterval = 10s;

}  // namespace

Progress::Progress(std::string what, std::int64_t total, bool quiet)
    : what_(std::move(what)),
      total_(total),
      quiet_(quiet),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::Real().Now()),
      last_(start_) {}

Progress::~Progress() { Done(); }

void Progress::At(std::int64_t done, const std::string& note) {
  const SteadyTime now = Clock::Real().Now();
  if (quiet_ || now - last_ < (is_terminal_ ? kTerminalInterval : kPlainInterval)) return;
  last_ = now;
  const std::string text = ProgressText(what_, done, total_, now - start_, note);
  if (is_terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", text);
    line_is_open_ = true;
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  std::fflush(stderr);
}

void Progress::Done() {
  if (!line_is_open_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  line_is_open_ = false;
}

std::string ProgressText(const std::string& what, std::int64_t done, std::int64_t total,
                         Duration elapsed, const std::string& note) {
  std::string text = fmt::format("{}: {} of {}", what, CountText(done), CountText(total));
  if (done > 0 && done < total) {
    const double left = static_cast<double>(total - done) / static_cast<double>(done);
    const auto more =
        Duration(static_cast<Duration::rep>(static_cast<double>(elapsed.count()) * left));
    text += fmt::format(", about {} more", SpanText(more));
  }
  if (!note.empty()) text += ", " + note;
  return text;
}

}  // namespace lockstep::lab
