// lockstep replay: a till's order history, placed again in a style.
#include <algorithm>

#include "lab/commands/command.h"
#include "lab/interrupt.h"
#include "lab/names.h"
#include "lab/order_caller.h"
#include "lab/progress.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""s;

constexpr std::size_t kRunBytesMax =
    30;  // a request id has 64: style and order number need the rest

struct ReplayArguments {
  std::string history_file;
  std::string consumers_file;
  std::string restaurant_id;
  std::string run;
  std::string style = "non-blocking";
  double rate = 0;   // 0: not by rate
  double speed = 0;  // 0: not at the recorded times
  int in_flight = 64;
  bool is_sync = false;
  Duration timeout = 2s;
  Duration give_up_after = 60s;
  Duration final_within = 60s;
};

StatusOr<std::vector<PlannedOrder>> MakePlan(const Context& context,
                                             const ReplayArguments& arguments) {
  std::filesystem::path history_file = arguments.history_file;
  std::filesystem::path consumers_file = arguments.consumers_file;
  if (history_file.empty() || consumers_file.empty()) {
    const auto folder = FindSamples(context.samples_folder);
    if (!folder.ok()) return folder.status();
    if (history_file.empty()) history_file = *folder / "orders.csv";
    if (consumers_file.empty()) consumers_file = *folder / "consumers.csv";
  }
  const auto history = ReadHistory(history_file);
  if (!history.ok()) return history.status();
  const auto consumers = ReadConsumers(consumers_file);
  if (!consumers.ok()) return consumers.status();
  RestaurantPeer peer(context.addresses.restaurant.business, context.timeout);
  const auto restaurants = FetchRestaurants(peer);
  if (!restaurants.ok()) return restaurants.status();
  Menus menus;
  for (const auto& restaurant : *restaurants) menus[restaurant.restaurant_id()] = restaurant;
  PlanOptions options;
  options.run = arguments.run.empty() ? Slug(history_file.stem().string()).substr(0, kRunBytesMax)
                                      : arguments.run;
  options.style_name = arguments.style;
  options.restaurant_id = arguments.restaurant_id;
  auto plan = PlanReplay(*history, menus, *consumers, options);
  if (!plan.ok()) return plan.status();
  for (PlannedOrder& order : *plan) {
    order.request.mutable_options()->set_style(*ParseStyle(arguments.style));
  }
  return plan;
}

PlacingOptions OptionsFrom(const ReplayArguments& arguments,
                           const std::vector<PlannedOrder>& plan) {
  PlacingOptions options;
  options.in_flight = arguments.in_flight;
  options.timeout = arguments.timeout;
  options.give_up_after = arguments.give_up_after;
  if (arguments.rate > 0) options.arrivals = EvenArrivals(plan.size(), arguments.rate);
  if (arguments.speed > 0) {
    for (const PlannedOrder& order : plan) {
      options.arrivals.push_back(std::chrono::duration_cast<Duration>(
          std::chrono::duration<double, std::nano>(order.offset) / arguments.speed));
    }
  }
  return options;
}

std::string NoteOf(const Figures& figures) {
  std::string note;
  const auto add = [&note](std::int64_t count, const char* what) {
    if (count == 0) return;
    note += fmt::format("{}{} {}", note.empty() ? "" : ", ", CountText(count), what);
  };
  add(figures.refused_in_all(), "refused");
  add(figures.failed_in_all(), "failed");
  add(figures.unknown_in_all(), "given up");
  add(figures.repeats, "repeats");
  return note;
}

// What became of those that were answered before they were final.
void AddCompletion(const Completion& completion, Table& table) {
  table.Add({"  of these answered first", CountText(completion.in_all())});
  table.Add({"    validated later", CountText(completion.validated)});
  for (const auto& [reason, count] : completion.rejected) {
    table.Add({"    rejected later: " + reason, CountText(count)});
  }
  if (completion.cancelled > 0) table.Add({"    cancelled later", CountText(completion.cancelled)});
  if (completion.pending > 0) table.Add({"    still pending", CountText(completion.pending)});
}

std::string FiguresText(const Figures& figures) {
  Table table({{"outcome"}, {"orders", Align::kRight}});
  table.Add({"accepted", CountText(figures.accepted)});
  if (figures.completion) AddCompletion(*figures.completion, table);
  if (figures.accepted_before > 0) {
    table.Add({"  of these placed before", CountText(figures.accepted_before)});
  }
  for (const auto& [reason, count] : figures.refused) {
    table.Add({"refused: " + reason, CountText(count)});
  }
  for (const auto& [code, count] : figures.failed) table.Add({"failed: " + code, CountText(count)});
  for (const auto& [code, count] : figures.unknown) {
    table.Add({"not settled: " + code, CountText(count)});
  }
  if (figures.unplaced > 0) table.Add({"not placed", CountText(figures.unplaced)});
  table.AddRule();
  table.Add({"in all", CountText(figures.orders)});
  std::string text = table.Text();
  const std::int64_t unfinished =
      figures.completion ? figures.completion->in_all() - figures.completion->validated : 0;
  text += fmt::format(
      "\n{}: {} orders, {} portions, {}.\n", figures.completion ? "Validated" : "Accepted",
      CountText(figures.accepted - unfinished), CountText(figures.portions), figures.AmountText());
  const double seconds = std::chrono::duration<double>(figures.elapsed).count();
  const auto begun = static_cast<std::int64_t>(figures.latencies.size());
  text += fmt::format(
      "{} answers in {}, {:.0f} a second; median {}, 99th percentile {}.", CountText(begun),
      SpanText(figures.elapsed), seconds > 0 ? static_cast<double>(begun) / seconds : 0,
      MillisText(Quantile(figures.latencies, 0.5)), MillisText(Quantile(figures.latencies, 0.99)));
  if (figures.repeats > 0) text += fmt::format(" {} repeats.", CountText(figures.repeats));
  if (figures.completion) {
    text += fmt::format("\nFinal after: median {}, 99th percentile {}.",
                        MillisText(Quantile(figures.completion->times, 0.5)),
                        MillisText(Quantile(figures.completion->times, 0.99)));
  }
  return text + "\n";
}

int Replay(const Context& context, const ReplayArguments& arguments) {
  const auto plan = MakePlan(context, arguments);
  if (!plan.ok()) return Fail(context, plan.status());
  const PlacingOptions options = OptionsFrom(arguments, *plan);
  const ServerAddresses& order = context.addresses.order;
  Progress progress(fmt::format("replaying, {}", arguments.style), std::ssize(*plan),
                    context.is_json);
  Figures figures;
  {
    GrpcOrderCaller caller(arguments.is_sync ? order.sync : order.business);
    Watch watch;
    watch.interrupted = Interrupted;
    watch.on_progress = [&](const Figures& so_far) {
      progress.At(static_cast<std::int64_t>(so_far.latencies.size()), NoteOf(so_far));
    };
    figures = Placing(*plan, options, caller, watch).Run();
  }
  progress.Done();
  if (!figures.pending_ids.empty()) {
    OrderPeer peer(order.business, context.timeout);
    const auto completion =
        AwaitCompletion(peer, figures.pending_ids, arguments.final_within, Interrupted);
    if (!completion.ok()) return Fail(context, completion.status());
    Complete(*completion, figures);
  }
  if (context.is_json) {
    Print(JsonText(FiguresJson(figures)));
  } else {
    Print(FiguresText(figures));
    if (!options.arrivals.empty()) {
      Print(fmt::format("This program itself was {} late at most.\n",
                        MillisText(figures.lateness_most)));
    }
  }
  if (Interrupted()) {
    if (!context.is_json) Print("Interrupted: the same command goes on where this one stopped.\n");
    return kExitInterrupted;
  }
  const bool is_final = !figures.completion || figures.completion->pending == 0;
  const bool is_settled = is_final && figures.failed_in_all() == 0 && figures.unknown_in_all() == 0;
  return is_settled ? kExitDone : kExitFailed;
}

}  // namespace

void AddReplay(CLI::App& app, Context& context) {
  CLI::App& replay = *app.add_subcommand(
      "replay", "Places the orders of a history again; repeated or resumed, none is placed twice");
  const auto arguments = std::make_shared<ReplayArguments>();
  replay
      .add_option("history", arguments->history_file,
                  "Columns Order Number, Order Date (d/m/yyyy hh:mm), Item Name, Quantity, "
                  "optionally Restaurant and Consumer; the sample orders without")
      ->check(CLI::ExistingFile)
      ->type_name("FILE.csv");
  replay
      .add_option(
          "--style", arguments->style,
          "How each order is taken: blocking, non-blocking, replica, deferred, event-driven or "
          "common-data")
      ->check(CLI::Validator(Checked(ParseStyle), ""))
      ->capture_default_str();
  replay.add_flag("--thread-per-call", arguments->is_sync,
                  "Place them at the synchronous server's address");
  auto* rate = replay
                   .add_option("--rate", arguments->rate,
                               "Open loop: so many orders a second, whatever the answers take")
                   ->check(CLI::Range(0.01, 1e6));
  auto* speed =
      replay
          .add_option(
              "--speed", arguments->speed,
              "Open loop: at the recorded times, so many times as fast (86400: a day a second)")
          ->check(CLI::Range(0.001, 1e9));
  auto* in_flight =
      replay.add_option("--in-flight", arguments->in_flight, "Closed loop: so many at once")
          ->check(CLI::Range(1, 10'000))
          ->capture_default_str();
  rate->excludes(speed)->excludes(in_flight);
  speed->excludes(in_flight);
  replay.add_option("--restaurant", arguments->restaurant_id,
                    "Restaurant of the orders that name none");
  replay
      .add_option(
          "--consumers", arguments->consumers_file,
          "Who orders, with the columns of samples/consumers.csv; the sample consumers without")
      ->check(CLI::ExistingFile);
  replay
      .add_option("--run", arguments->run,
                  "Name of the run, part of each request id: another name places all orders anew; "
                  "the file's name without")
      ->check([](const std::string& name) {
        const bool is_sound = name.size() <= kRunBytesMax &&
                              name.find_first_not_of(
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.") == std::string::npos;
        return is_sound ? std::string() : "at most 30 letters, digits, \"-\", \"_\", \".\"";
      });
  AddDuration(replay, "--timeout", arguments->timeout, "Of each attempt [2s]");
  AddDuration(replay, "--give-up-after", arguments->give_up_after,
              "How long an order whose outcome is unknown is repeated [60s]");
  AddDuration(replay, "--final-within", arguments->final_within,
              "How long, after the last answer, orders that were answered first may be pending "
              "[60s]");
  SetExamples(replay,
              "  lockstep replay\n"
              "  lockstep replay orders.csv --restaurant spice-house --style blocking\n"
              "  lockstep replay orders.csv --restaurant spice-house --rate 500\n"
              "  lockstep replay orders.csv --restaurant spice-house --speed 86400\n"
              "Refused orders are outcomes: the exit status is 0 when each order has one.");
  replay.callback([&context, arguments] {
    context.run = [&context, arguments] { return Replay(context, *arguments); };
  });
}

}  // namespace lockstep::lab
