#include "lab/waterfall.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/rpc/proto_values.h"
#include "google/rpc/code.pb.h"
#include "lab/names.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;

constexpr int kBarsMin = 20;
constexpr int kDeadlineStretchMax =
    3;  // the scale reaches a deadline up to so many times the longest call away

std::string LastPart(const std::string& method) {
  return method.substr(method.find_last_of('/') + 1);
}

// The budget at arrival, and whose it was.
std::string BudgetNote(const call::v1::Receipt& receipt) {
  if (!receipt.has_budget()) return "";
  const bool own = receipt.budget_source() == call::v1::BUDGET_SOURCE_SERVER_LIMIT;
  return fmt::format("budget {}{}", MillisText(rpc::ToDuration(receipt.budget())),
                     own ? " (its own limit)" : "");
}

// Which version was read, and how old the copy was.
std::string CopyNote(const call::v1::CopyRead& copy) {
  return fmt::format("{}, {} old",
                     copy.version() > 0 ? fmt::format("version {}", copy.version()) : "none there",
                     MillisText(rpc::ToDuration(copy.age())));
}

void AppendReceipt(const call::v1::Receipt& receipt, Duration start, int depth,
                   std::vector<Step>& steps);

void AppendCall(const call::v1::DownstreamCall& call, Duration arrival, int depth,
                std::vector<Step>& steps) {
  Step step;
  step.depth = depth;
  step.name = fmt::format("ask {}", call.peer());
  if (call.attempt() > 1) step.name += fmt::format(", attempt {}", call.attempt());
  step.start = arrival + rpc::ToDuration(call.start());
  step.length = rpc::ToDuration(call.duration());
  if (call.has_deadline_sent()) step.until = step.start + rpc::ToDuration(call.deadline_sent());
  step.note = google::rpc::Code_Name(call.code());
  step.note += call.has_deadline_sent()
                   ? fmt::format(", {} sent", MillisText(rpc::ToDuration(call.deadline_sent())))
                   : ", no deadline sent";
  steps.push_back(step);
  if (call.has_receipt()) {
    const Duration inside = rpc::ToDuration(call.receipt().total());
    AppendReceipt(call.receipt(), step.start + std::max(Duration{}, (step.length - inside) / 2),
                  depth + 1, steps);
  }
}

void AppendReceipt(const call::v1::Receipt& receipt, Duration start, int depth,
                   std::vector<Step>& steps) {
  Step whole;
  whole.depth = depth;
  whole.name = fmt::format("{} {}", receipt.node(), LastPart(receipt.method()));
  whole.start = start;
  whole.length = rpc::ToDuration(receipt.total());
  whole.delayed = rpc::ToDuration(receipt.fault_delay());
  if (receipt.has_budget()) whole.until = start + rpc::ToDuration(receipt.budget());
  whole.note = BudgetNote(receipt);
  if (whole.delayed > Duration{}) {
    whole.note += fmt::format("; a fault delayed it by {}", MillisText(whole.delayed));
  }
  if (receipt.duplicate()) whole.note += "; an earlier outcome again";
  steps.push_back(whole);

  const Duration queue_wait = rpc::ToDuration(receipt.queue_wait());
  const Duration thread_held = rpc::ToDuration(receipt.thread_held());
  if (queue_wait > 0ms) {
    steps.push_back({depth + 1, "waits for a thread", start, queue_wait, {}, {}, "", true});
  }
  if (thread_held > 0ms) {
    steps.push_back(
        {depth + 1, "holds a thread", start + queue_wait, thread_held, {}, {}, "", true});
  }
  for (const call::v1::DownstreamCall& call : receipt.calls()) {
    AppendCall(call, start, depth + 1, steps);
  }
  for (const call::v1::CopyRead& copy : receipt.copies()) {
    steps.push_back({depth + 1,
                     fmt::format("copy of {}", copy.peer()),
                     start + queue_wait,
                     {},
                     {},
                     {},
                     CopyNote(copy),
                     false});
  }
  // The answer waits after the commit.
  const Duration waited = rpc::ToDuration(receipt.waited_for_final());
  if (receipt.has_commit()) {
    const Duration commit = rpc::ToDuration(receipt.commit().duration());
    std::string note = fmt::format("{} in one write", receipt.commit().batch());
    steps.push_back({depth + 1,
                     "commit",
                     start + whole.length - waited - commit,
                     commit,
                     {},
                     {},
                     receipt.commit().batch() > 1 ? note : "",
                     false});
  }
  if (receipt.has_waited_for_final()) {
    steps.push_back({depth + 1,
                     "waits for the final state",
                     start + whole.length - waited,
                     waited,
                     {},
                     {},
                     "",
                     true});
  }
}

// What all rows share: how a moment becomes a column.
struct Scale {
  Duration end{};
  int columns = 0;

  int At(Duration moment) const {
    const double share = static_cast<double>(moment.count()) / static_cast<double>(end.count());
    return static_cast<int>(std::floor(share * columns));
  }
};

Scale MakeScale(const std::vector<Attempt>& attempts, int columns) {
  Duration longest = 1ms;
  for (const Attempt& attempt : attempts) {
    longest = std::max(longest, attempt.measured);
    for (const Step& step : StepsOf(attempt)) longest = std::max(longest, step.start + step.length);
  }
  Duration end = longest;
  for (const Attempt& attempt : attempts) {
    if (attempt.timeout && *attempt.timeout <= longest * kDeadlineStretchMax) {
      end = std::max(end, *attempt.timeout);
    }
  }
  return {end, columns};
}

std::string Bar(const Step& step, const Scale& scale) {
  const int first = std::clamp(scale.At(step.start), 0, scale.columns - 1);
  const int last = std::clamp(scale.At(step.start + step.length), first + 1, scale.columns);
  const int work = std::clamp(scale.At(step.start + step.delayed), first, last);
  const int deadline = step.until && *step.until <= scale.end
                           ? std::clamp(scale.At(*step.until), 0, scale.columns - 1)
                           : -1;
  std::string bar;
  for (int column = 0; column < scale.columns; ++column) {
    const bool inside = column >= first && column < last;
    if (column == deadline && !(inside && column < last - 1)) {
      bar += "┃";
    } else if (!inside) {
      bar += column == deadline ? "┃" : " ";
    } else {
      bar += step.is_wait ? "─" : column < work ? "░" : "█";
    }
  }
  return bar;
}

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, DisplayWidth(text)), ' ');
}

std::string WithoutTrailingSpaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::vector<Step> StepsOf(const Attempt& attempt) {
  std::vector<Step> steps;
  Step caller;
  caller.name = "the caller waits";
  caller.length = attempt.measured;
  caller.until = attempt.timeout;
  caller.note = attempt.timeout ? fmt::format("timeout {}", MillisText(*attempt.timeout))
                                : std::string("no timeout");
  caller.is_wait = true;
  steps.push_back(caller);
  if (!attempt.receipt.node().empty()) {
    const Duration inside = rpc::ToDuration(attempt.receipt.total());
    AppendReceipt(attempt.receipt, std::max(Duration{}, (attempt.measured - inside) / 2), 1, steps);
  }
  return steps;
}

std::string DrawWaterfall(const std::vector<Attempt>& attempts, int width) {
  std::size_t name_width = 0;
  std::size_t time_width = 0;
  std::size_t note_width = 0;
  for (const Attempt& attempt : attempts) {
    for (const Step& step : StepsOf(attempt)) {
      name_width = std::max(name_width, DisplayWidth(step.name) + 2 * std::size_t(step.depth));
      time_width = std::max(time_width, DisplayWidth(MillisText(step.length)));
      note_width = std::max(note_width, DisplayWidth(step.note));
    }
  }
  const int columns =
      std::max(kBarsMin, width - static_cast<int>(name_width + time_width + note_width) - 6);
  const Scale scale = MakeScale(attempts, columns);
  std::string out;
  for (const Attempt& attempt : attempts) {
    if (!out.empty()) out += '\n';
    out += attempt.title + "\n";
    const std::string end = MillisText(scale.end);
    out += WithoutTrailingSpaces(Padded("", name_width + 2 + time_width + 2) + "0" +
                                 std::string(static_cast<std::size_t>(std::max(
                                                 1, columns - 1 - static_cast<int>(end.size()))),
                                             ' ') +
                                 end);
    for (const Step& step : StepsOf(attempt)) {
      const std::string time = MillisText(step.length);
      out += WithoutTrailingSpaces(
          Padded(std::string(2 * std::size_t(step.depth), ' ') + step.name, name_width) + "  " +
          std::string(time_width - DisplayWidth(time), ' ') + time + "  " + Bar(step, scale) +
          "  " + step.note);
    }
    if (attempt.timeout && *attempt.timeout > scale.end) {
      out += fmt::format("The caller's deadline, {}, is beyond the right edge.\n",
                         MillisText(*attempt.timeout));
    }
  }
  return out;
}

}  // namespace lockstep::lab
