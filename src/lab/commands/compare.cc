// lockstep compare: what waiting costs, in one table. Starts its own servers on free ports.
#include <algorithm>
#include <cmath>

#include "common/base/limits.h"
#include "lab/commands/command.h"
#include "lab/comparison.h"
#include "lab/interrupt.h"
#include "lab/loading.h"
#include "lab/order_caller.h"
#include "lab/progress.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kLatenessMuch = 50ms;
constexpr int kPoolThreads =
    24;  // fewer than a server has by default, so that a modest load fills them
constexpr int kPoolQueue = 48;          // its wait, 48 / 24 of the delay, fits into the timeout
constexpr Duration kCopiesLimit = 20s;  // until Order's copies have the samples
constexpr Duration kEndLimit = 15s;     // limits::kShutdownGraceDefault and some

struct CompareArguments {
  std::string ways =
      "blocking,thread-per-call,non-blocking,replica,common-data,deferred,event-driven";
  std::vector<std::string> slow;
  std::vector<std::string> stuck;
  std::vector<std::string> down;
  CellOptions cell;
  int pool_threads = kPoolThreads;
  int pool_queue = kPoolQueue;
  bool is_short = false;  // without the sample orders
};

std::vector<Condition> ConditionsOf(const CompareArguments& arguments) {
  std::vector<Condition> conditions = {{Condition::Kind::kHealthy, "", {}}};
  for (const std::string& text : arguments.slow) conditions.push_back(*ParseSlow(text));
  for (const std::string& node : arguments.stuck) {
    conditions.push_back({Condition::Kind::kStuck, node, {}});
  }
  for (const std::string& node : arguments.down) {
    conditions.push_back({Condition::Kind::kDown, node, {}});
  }
  if (conditions.size() == 1) {
    conditions.push_back({Condition::Kind::kSlow, "consumer", 80ms});
    conditions.push_back({Condition::Kind::kStuck, "restaurant", {}});
    conditions.push_back({Condition::Kind::kDown, "consumer", {}});
  }
  return conditions;
}

// The sample data as it is loaded and ordered from.
struct SampleOrders {
  std::vector<restaurant::v1::Restaurant> restaurants;
  std::vector<SampleConsumer> consumers;
  std::vector<PlannedOrder> plan;
};

StatusOr<SampleOrders> ReadSamples(const Context& context) {
  const auto folder = FindSamples(context.samples_folder);
  if (!folder.ok()) return folder.status();
  auto restaurants = ReadRestaurants(*folder);
  if (!restaurants.ok()) return restaurants.status();
  auto consumers = ReadConsumers(*folder / "consumers.csv");
  if (!consumers.ok()) return consumers.status();
  const auto history = ReadHistory(*folder / "orders.csv");
  if (!history.ok()) return history.status();
  Menus menus;
  for (const auto& restaurant : *restaurants) menus[restaurant.restaurant_id()] = restaurant;
  auto plan = PlanReplay(*history, menus, *consumers, {"samples", "", ""});
  if (!plan.ok()) return plan.status();
  return SampleOrders{*std::move(restaurants), *std::move(consumers), *std::move(plan)};
}

Status LoadSamples(const Cluster& cluster, const SampleOrders& samples, bool is_quiet) {
  Loaded loaded;
  RestaurantPeer restaurants(cluster.addresses().restaurant.business, 10s);
  ConsumerPeer consumers(cluster.addresses().consumer.business, 10s);
  Status status = LoadRestaurants(restaurants, samples.restaurants, loaded, [](int) {});
  if (!status.ok()) return status;
  Progress progress("loading consumers", std::ssize(samples.consumers), is_quiet);
  return LoadConsumers(consumers, samples.consumers, loaded, [&](int done) { progress.At(done); });
}

// Every sample order once in a way, closed loop, until each is final. Marks in is_good those that
// stand.
StatusOr<Figures> PlaceSamples(const Cluster& cluster, const SampleOrders& samples, const Way& way,
                               std::vector<bool>& is_good, bool is_quiet) {
  const ServerAddresses& order = cluster.addresses().order;
  const std::vector<PlannedOrder> orders =
      Repeated(samples.plan, way, "samples", samples.plan.size());
  GrpcOrderCaller caller(way.is_sync ? order.sync : order.business);
  Progress progress("placing the sample orders, " + way.name, std::ssize(orders), is_quiet);
  PlacingOptions options;
  options.timeout = 5s;
  options.give_up_after = 30s;
  Watch watch;
  watch.interrupted = Interrupted;
  watch.on_progress = [&](const Figures& figures) {
    progress.At(static_cast<std::int64_t>(figures.latencies.size()));
  };
  Placing placing(orders, options, caller, watch);
  Figures figures = placing.Run();
  is_good = placing.accepted();
  if (figures.pending_ids.empty()) return figures;
  OrderPeer peer(order.business, options.timeout);
  const auto completion =
      AwaitCompletion(peer, figures.pending_ids, options.give_up_after, Interrupted);
  if (!completion.ok()) return completion.status();
  const std::vector<std::string> order_ids = placing.order_ids();
  for (std::size_t i = 0; i < is_good.size(); ++i) {
    is_good[i] = is_good[i] && (!figures.pending_ids.contains(order_ids[i]) ||
                                completion->validated_ids.contains(order_ids[i]));
  }
  Complete(*completion, figures);
  return figures;
}

std::string RefusedText(const Figures& figures) {
  std::string text;
  for (const auto& [reason, count] : figures.refused_or_rejected()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", CountText(count), reason);
  }
  return text.empty() ? "none" : text;
}

std::string SamplesText(const std::vector<std::pair<Way, Figures>>& results) {
  Table table({{"style"},
               {"orders", Align::kRight},
               {"stand", Align::kRight},
               {"refused", Align::kRight},
               {"amount", Align::kRight},
               {"answers/s", Align::kRight},
               {"median", Align::kRight},
               {"99th perc.", Align::kRight},
               {"final after: median", Align::kRight},
               {"99th perc.", Align::kRight}});
  bool is_same = true;
  for (const auto& [way, figures] : results) {
    const double seconds = std::chrono::duration<double>(figures.elapsed).count();
    const Completion completion = figures.completion.value_or(Completion());
    const std::int64_t fallen = completion.in_all() - completion.validated;
    table.Add({way.name, CountText(figures.orders), CountText(figures.accepted - fallen),
               CountText(figures.refused_in_all() + completion.rejected_in_all()),
               figures.AmountText(),
               CountText(std::llround(static_cast<double>(figures.orders) / seconds)),
               MillisText(Quantile(figures.latencies, 0.5)),
               MillisText(Quantile(figures.latencies, 0.99)),
               figures.completion ? MillisText(Quantile(completion.times, 0.5)) : "at once",
               figures.completion ? MillisText(Quantile(completion.times, 0.99)) : ""});
    is_same = is_same &&
              figures.refused_or_rejected() == results.front().second.refused_or_rejected() &&
              figures.nanos == results.front().second.nanos;
  }
  return table.Text() + (is_same ? "The same orders in each style. Refused: " +
                                       RefusedText(results.front().second) + "\n"
                                 : "NOT the same orders in each style.\n");
}

// The databases of the first cluster, for each of the later ones.
Status CopyDatabases(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::create_directory(to, error);
  for (const char* node : {"consumer", "restaurant"}) {
    for (const char* suffix : {".db", ".db-wal"}) {
      const std::string name = std::string(node) + suffix;
      if (!std::filesystem::exists(from / name)) continue;
      std::filesystem::copy_file(from / name, to / name, error);
      if (error) {
        return MakeError(StatusCode::kUnavailable, "FOLDER_NOT_MADE",
                         fmt::format("{}: {}", (to / name).string(), error.message()));
      }
    }
  }
  return OkStatus();
}

double Millis(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// How late this program itself was: a comparison on a machine that is busy otherwise shows that,
// too.
std::string LatenessText(const std::vector<Cell>& cells) {
  Duration most{};
  for (const Cell& cell : cells) most = std::max(most, cell.figures.lateness_most);
  std::string text =
      fmt::format("This program itself placed no order more than {} late.\n", MillisText(most));
  if (most > kLatenessMuch) {
    text += "That is much: the machine was busy otherwise, and the figures above include it.\n";
  }
  return text;
}

// What the settings say must come out, and how to read the rest.
std::string ReadingText(const CompareArguments& arguments,
                        const std::vector<Condition>& conditions) {
  const CellOptions& cell = arguments.cell;
  const int threads = arguments.pool_threads;
  std::string text = fmt::format(
      R"({:g} orders a second were offered for {}, whatever the answers took; each caller waits {:g} ms.
Blocking orders run on a pool of {} threads with a queue of {}; thread-per-call is gRPC's own
synchronous server, which starts a thread for each call. "Threads held" is what the order service
counted at most; "by the kernel" are the threads of its process, idle and at most. Median and 99th
percentile are those of the accepted orders; the others got their answer after the time beside them.
Deferred and event-driven orders are accepted first and judged later: "final" is how many have been,
with median and 99th percentile from their creation on, and "waited" is how many had not when the
offer ended. A service that was stuck or gone came back then. Replica and common-data orders are
judged by copies of what Consumer and Restaurant have, and ask nobody.
)",
      cell.rate, SpanText(cell.length), Millis(cell.timeout), threads, arguments.pool_queue);
  for (const Condition& condition : conditions) {
    if (condition.kind == Condition::Kind::kSlow) {
      text += fmt::format(
          R"(- {}: a blocking order holds its thread so long, so the pool takes at most
  {} / {:g} ms = {:.0f} orders a second; what is offered beyond that waits, comes too late or is turned
  away. Without holding threads the delay is only a delay.
)",
          condition.Text(), threads, Millis(condition.delay),
          threads * 1000 / Millis(condition.delay));
    } else if (condition.kind == Condition::Kind::kStuck) {
      text += fmt::format(
          R"(- {}: whoever asks it gets no order, and only the deadline ends the waiting. But look at
  what waits: all threads of the pool, a thread for each call, or none. The other styles go on.
)",
          condition.Text());
    } else if (condition.kind == Condition::Kind::kDown) {
      text += fmt::format(
          "- {}: a refused connection costs no waiting in any style; only those that ask at once "
          "lose orders by it.\n",
          condition.Text());
    }
  }
  return text;
}

// One comparison, step by step; the first error ends it.
class Comparison {
 public:
  Comparison(const Context& context, const CompareArguments& arguments)
      : context_(context), arguments_(arguments), ways_(*ParseWays(arguments.ways)) {}

  Status Run() {
    StatusOr<TemporaryFolder> folder = TemporaryFolder::Make();
    if (!folder.ok()) return folder.status();
    StatusOr<SampleOrders> samples = ReadSamples(context_);
    if (!samples.ok()) return samples.status();
    Status status = PlaceAllSamples(folder->path(), *samples);
    int number = 0;
    for (const Condition& condition : ConditionsOf(arguments_)) {
      for (const Way& way : ways_) {
        if (!status.ok() || Interrupted()) break;
        status = Measure(folder->path(), ++number, condition, way);
      }
    }
    return status;
  }

  const std::vector<Cell>& cells() const { return cells_; }
  const std::vector<std::pair<Way, Figures>>& sample_results() const { return sample_results_; }

 private:
  StatusOr<Cluster> StartIn(const std::filesystem::path& folder) const {
    StatusOr<std::filesystem::path> programs = FindPrograms();
    if (!programs.ok()) return programs.status();
    return Cluster::Start({*programs, folder, arguments_.pool_threads, arguments_.pool_queue});
  }

  Status PlaceAllSamples(const std::filesystem::path& folder, const SampleOrders& samples) {
    StatusOr<Cluster> cluster = StartIn(folder);
    if (!cluster.ok()) return cluster.status();
    const Status status = LoadSamples(*cluster, samples, context_.is_json);
    if (!status.ok()) return status;
    const Status copied =
        AwaitCopies(cluster->addresses().order.business, ways_, Clock::Real().Now(), kCopiesLimit);
    if (!copied.ok()) return copied;
    std::vector<bool> is_good;
    for (const Way& way : ways_) {
      if (Interrupted()) return OkStatus();
      StatusOr<Figures> figures = PlaceSamples(*cluster, samples, way, is_good, context_.is_json);
      if (!figures.ok()) return figures.status();
      sample_results_.emplace_back(way, *std::move(figures));
    }
    for (std::size_t i = 0; i < samples.plan.size(); ++i) {
      if (is_good[i]) good_orders_.push_back(samples.plan[i]);
    }
    if (!context_.is_json && !arguments_.is_short) {
      Print(fmt::format("Every sample order, once in each style, all services well:\n\n{}\n",
                        SamplesText(sample_results_)));
      std::fflush(stdout);
    }
    if (good_orders_.empty()) {
      return MakeError(StatusCode::kUnavailable, "NO_ORDER_ACCEPTED",
                       "none of the sample orders was accepted, so there is nothing to compare");
    }
    cluster->Terminate(kEndLimit);  // so that the databases are whole when they are copied
    return OkStatus();
  }

  Status Measure(const std::filesystem::path& template_folder, int number,
                 const Condition& condition, const Way& way) {
    const std::filesystem::path folder = template_folder / fmt::format("{}", number);
    const Status copied = CopyDatabases(template_folder, folder);
    if (!copied.ok()) return copied;
    StatusOr<Cluster> cluster = StartIn(folder);
    if (!cluster.ok()) return cluster.status();
    CellOptions options = arguments_.cell;
    options.is_quiet = context_.is_json;
    StatusOr<Cell> cell = MeasureCell(*cluster, good_orders_, condition, way, options);
    if (!cell.ok()) return cell.status();
    if (!Interrupted()) cells_.push_back(*std::move(cell));
    return OkStatus();
  }

  const Context& context_;
  const CompareArguments& arguments_;
  const std::vector<Way> ways_;
  std::vector<PlannedOrder> good_orders_;
  std::vector<std::pair<Way, Figures>> sample_results_;
  std::vector<Cell> cells_;
};

int Compare(const Context& context, const CompareArguments& arguments) {
  Comparison comparison(context, arguments);
  const Status status = comparison.Run();
  if (!status.ok()) return Fail(context, status);
  if (context.is_json) {
    std::vector<Json> samples;
    for (const auto& [way, figures] : comparison.sample_results()) {
      Json json;
      Put(json, "style", way.name);
      Put(json, "figures", FiguresJson(figures));
      samples.push_back(std::move(json));
    }
    Json json;
    Put(json, "samples", samples);
    Put(json, "cells", CellsJson(comparison.cells()));
    Print(JsonText(json));
  } else if (!comparison.cells().empty()) {
    Print(fmt::format("The same orders while a service is well, slow, stuck, gone:\n\n{}\n{}",
                      CellsText(comparison.cells()),
                      ReadingText(arguments, ConditionsOf(arguments))));
    Print(LatenessText(comparison.cells()));
  }
  return Interrupted() ? kExitInterrupted : kExitDone;
}

}  // namespace

void AddCompare(CLI::App& app, Context& context) {
  CLI::App& compare = *app.add_subcommand(
      "compare", "Shows what each style costs while a service is slow, stuck or gone");
  const auto arguments = std::make_shared<CompareArguments>();
  compare
      .add_option("--style", arguments->ways,
                  "Some of blocking, thread-per-call, non-blocking, replica, "
                  "common-data, deferred, event-driven")
      ->check(CLI::Validator(Checked(ParseWays), ""))
      ->capture_default_str();
  compare.add_option("--slow", arguments->slow, "SERVER=DELAY: it answers so much later")
      ->check(CLI::Validator(Checked(ParseSlow), ""));
  const auto where = [](const std::string& node) {
    return ParseWhere(Condition::Kind::kStuck, node);
  };
  compare
      .add_option("--stuck", arguments->stuck, "SERVER: it is stopped, its connections stay open")
      ->check(CLI::Validator(Checked(where), ""));
  compare.add_option("--down", arguments->down, "SERVER: it is killed")
      ->check(CLI::Validator(Checked(where), ""));
  compare.add_option("--rate", arguments->cell.rate, "Orders a second offered")
      ->check(CLI::Range(1.0, 1e5))
      ->capture_default_str();
  AddDuration(compare, "--duration", arguments->cell.length, "Of each offer [3s]");
  AddDuration(compare, "--timeout", arguments->cell.timeout, "Of each caller [500ms]");
  compare.add_option("--pool-threads", arguments->pool_threads, "Threads of the blocking style")
      ->check(CLI::Range(1, limits::kPoolThreadsMax))
      ->capture_default_str();
  compare.add_option("--pool-queue", arguments->pool_queue, "Places in the queue before them")
      ->check(CLI::Range(0, limits::kPoolQueueMax))
      ->capture_default_str();
  compare.add_flag("--short", arguments->is_short, "Without the table of the sample orders");
  SetExamples(compare,
              "  lockstep compare\n"
              "  lockstep compare --slow consumer=80ms --rate 500 --pool-threads 16\n"
              "  lockstep compare --stuck restaurant --style blocking,non-blocking --timeout 1s\n"
              "Healthy services come first; without --slow, --stuck, --down one of each follows.\n"
              "It starts servers of its own on free ports, in a temporary folder.");
  compare.callback([&context, arguments] {
    context.run = [&context, arguments] { return Compare(context, *arguments); };
  });
}

}  // namespace lockstep::lab
