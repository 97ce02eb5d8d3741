#include "common/base/kill_point.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace lockstep {
namespace {

constexpr int kPassesMax = 1'000'000;  // of --kill-at NAME:N

// By KillPoint, without kNone.
constexpr std::array kNames = {"relay.before_send", "relay.sent",           "relay.marked",
                               "inbox.effect",      "inbox.committed",      "order.before_commit",
                               "order.committed",   "record.before_commit", "record.committed",
                               "feed.before_send",  "feed.applied",         "feed.marked",
                               "copy.before_commit"};
static_assert(kNames.size() + 1 == static_cast<std::size_t>(KillPoint::kEnd));

std::atomic<int> passes_left = 0;

}  // namespace

std::string KillPointNames() { return fmt::format("{}", fmt::join(kNames, ", ")); }

Status ArmKillPoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto name = std::find(kNames.begin(), kNames.end(), text.substr(0, colon));
  if (name == kNames.end()) {
    return InvalidRequest({{"kill_at", fmt::format("must be one of {}, or one of them with \":N\", "
                                                   "is \"{}\"",
                                                   KillPointNames(), text)}});
  }
  int passes = 1;
  if (colon != std::string_view::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, passes);
    if (error != std::errc{} || stop != end || passes < 1 || passes > kPassesMax) {
      return InvalidRequest({{"kill_at", fmt::format("N of NAME:N must be 1 to {}, is \"{}\"",
                                                     kPassesMax, text.substr(colon + 1))}});
    }
  }
  passes_left = passes;
  kill_point::armed = static_cast<KillPoint>(name - kNames.begin() + 1);
  return OkStatus();
}

// Says so by a bare write: the log's queue dies with the process.
void kill_point::Reach() {
  if (passes_left.fetch_sub(1) != 1) return;
  const std::string said =
      fmt::format("killed at {}\n", kNames[static_cast<std::size_t>(armed.load()) - 1]);
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, said.data(), said.size());
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

}  // namespace lockstep
