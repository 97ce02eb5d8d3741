// lockstep backlog: how much waits, for whom, since when, and when it will have drained.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "lab/backlog_view.h"
#include "lab/commands/command.h"
#include "lab/interrupt.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kAnswerLimit = 2s;  // of one server: a stuck one must not hold up the view
constexpr Duration kBetweenTwo = 500ms;
constexpr Duration kLookForInterrupt = 50ms;

struct BacklogArguments {
  std::string node;  // empty: all
  bool is_watch = false;
  bool is_once = false;
  bool is_until_empty = false;
  Duration every = 1s;
  Duration give_up_after{};  // zero: never
};

// Waits; less long if it is interrupted.
void Pause(Duration time) {
  const SteadyTime end = Clock::Real().Now() + time;
  while (!Interrupted() && Clock::Real().Now() < end) {
    std::this_thread::sleep_for(std::min<Duration>(kLookForInterrupt, end - Clock::Real().Now()));
  }
}

// What was printed last is replaced on a terminal; elsewhere there is a line a reading.
class Screen {
 public:
  explicit Screen(const Context& context)
      : context_(context), is_terminal_(isatty(STDOUT_FILENO) != 0) {}

  bool is_terminal() const { return is_terminal_; }

  void Show(const BacklogView& view) {
    if (context_.is_json) {
      Print(JsonLine(view.AsJson()));
    } else if (is_terminal_) {
      const std::string text = view.Text();
      if (lines_ > 0) Print(fmt::format("\x1b[{}A\x1b[J", lines_));
      Print(text);
      lines_ = std::count(text.begin(), text.end(), '\n');
    } else {
      Print(view.Line());
    }
    std::fflush(stdout);
  }

 private:
  const Context& context_;
  const bool is_terminal_;
  std::ptrdiff_t lines_ = 0;
};

// One look; two where something waits, because only two say how fast it drains.
int Once(const Context& context, BacklogView& view) {
  view.Read();
  if (view.waiting() > 0) {
    Pause(kBetweenTwo);
    view.Read();
  }
  Print(context.is_json ? JsonText(view.AsJson()) : view.Text());
  return view.status().ok() ? kExitDone : kExitUnreachable;
}

// Looks until it is to end; the exit status. A program gets a JSON a look, or only the last.
int Watch(const Context& context, const BacklogArguments& arguments, BacklogView& view,
          Screen& screen) {
  const SteadyTime begin = Clock::Real().Now();
  for (;;) {
    view.Read();
    if (!context.is_json || arguments.is_watch) screen.Show(view);
    if (arguments.is_until_empty && view.empty()) return kExitDone;
    if (Interrupted()) return arguments.is_until_empty ? kExitInterrupted : kExitDone;
    const Duration passed = Clock::Real().Now() - begin;
    if (arguments.give_up_after > Duration::zero() && passed >= arguments.give_up_after) break;
    Pause(arguments.every);
  }
  if (!arguments.is_until_empty) return kExitDone;
  if (!view.status().ok()) return kExitUnreachable;
  if (!context.is_json) {
    fmt::print(stderr, "lockstep: {} still wait after {}\n", CountText(view.waiting()),
               SpanText(arguments.give_up_after));
  }
  return kExitFailed;
}

int ShowBacklog(const Context& context, const BacklogArguments& arguments) {
  const bool named = !arguments.node.empty();
  const std::vector<std::string> nodes =
      named ? std::vector<std::string>{arguments.node}
            : std::vector<std::string>(kNodes.begin(), kNodes.end());
  BacklogView view(context.addresses, nodes, named, std::min(context.timeout, kAnswerLimit));
  Screen screen(context);
  const bool is_live = arguments.is_watch || arguments.is_until_empty ||
                       (screen.is_terminal() && !context.is_json && !arguments.is_once);
  if (!is_live) return Once(context, view);
  const int status = Watch(context, arguments, view, screen);
  if (context.is_json && !arguments.is_watch) Print(JsonText(view.AsJson()));
  return status;
}

}  // namespace

void AddBacklog(CLI::App& app, Context& context) {
  CLI::App& backlog = *app.add_subcommand(
      "backlog", "How much waits, for whom, since when, and when it will have drained");
  const auto arguments = std::make_shared<BacklogArguments>();
  AddServer(backlog, arguments->node);
  auto* watch = backlog.add_flag("--watch", arguments->is_watch,
                                 "Look again and again, until Ctrl-C; on a terminal without");
  auto* until_empty = backlog.add_flag("--until-empty", arguments->is_until_empty,
                                       "Until nothing waits and no order is pending");
  backlog.add_flag("--once", arguments->is_once, "Look once, also on a terminal")
      ->excludes(watch)
      ->excludes(until_empty);
  AddDuration(backlog, "--every", arguments->every, "Between two looks [1s]");
  AddDuration(backlog, "--give-up-after", arguments->give_up_after,
              "End after so long; with --until-empty the exit status is 1 then [never]");
  SetExamples(backlog,
              "  lockstep backlog\n"
              "  lockstep backlog --until-empty --give-up-after 1m\n"
              "  lockstep --json backlog --once --server order\n"
              "The end is estimated from the last five seconds, what comes in meanwhile included.");
  backlog.callback([&context, arguments] {
    context.run = [&context, arguments] { return ShowBacklog(context, *arguments); };
  });
}

}  // namespace lockstep::lab
