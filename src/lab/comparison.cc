#include "lab/comparison.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "common/rpc/proto_values.h"
#include "lab/interrupt.h"
#include "lab/names.h"
#include "lab/order_caller.h"
#include "lab/progress.h"
#include "lab/table.h"
#include "lab/values.h"

namespace lockstep::lab {
namespace {

using control::v1::ControlService;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Duration kControlTimeout = 5s;
constexpr Duration kLookAtThreads = 5ms;
constexpr std::size_t kWarmUpOrders = 200;

// Counts a process's threads while it lives, and keeps the most.
class ThreadWatch {
 public:
  explicit ThreadWatch(const Process& process)
      : most_(process.Threads()), thread_([this, &process] {
          while (!stopping_) {
            most_ = std::max(most_.load(), process.Threads());
            std::this_thread::sleep_for(kLookAtThreads);
          }
        }) {}
  ThreadWatch(const ThreadWatch&) = delete;
  ThreadWatch& operator=(const ThreadWatch&) = delete;
  ~ThreadWatch() { Stop(); }

  int Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }

 private:
  std::atomic<int> most_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

Status Impose(Cluster& cluster, const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kHealthy:
      return OkStatus();
    case Condition::Kind::kStuck:
      cluster.Find(condition.node).Signal(SIGSTOP);
      return OkStatus();
    case Condition::Kind::kDown:
      cluster.Find(condition.node).Kill();
      return OkStatus();
    case Condition::Kind::kSlow:
      break;
  }
  const StatusOr<ServerAddresses> server = cluster.addresses().Find(condition.node);
  if (!server.ok()) return server.status();
  ControlPeer control(server->control, kControlTimeout);
  control::v1::SetFaultsRequest request;
  control::v1::Fault* fault = request.add_faults();
  fault->set_method(QuestionTo(condition.node));
  rpc::SetDuration(condition.delay, fault->mutable_fixed_delay());
  return control.Ask(&ControlService::Stub::SetFaults, request).status();
}

Figures Offer(OrderCaller& caller, const std::vector<PlannedOrder>& orders,
              const PlacingOptions& options, const std::string& what, bool is_quiet) {
  Progress progress(what, static_cast<std::int64_t>(orders.size()), is_quiet);
  Watch watch;
  watch.on_progress = [&](const Figures& figures) {
    progress.At(static_cast<std::int64_t>(figures.latencies.size()));
  };
  watch.interrupted = Interrupted;
  return Placing(orders, options, caller, watch).Run();
}

std::string CodesText(const Figures& figures) {
  std::vector<std::pair<std::string, std::int64_t>> codes(figures.codes.begin(),
                                                          figures.codes.end());
  std::sort(codes.begin(), codes.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [code, count] : codes) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", code, CountText(count));
  }
  return text;
}

}  // namespace

std::string QuestionTo(const std::string& node) {
  if (node == "consumer") return "lockstep.consumer.v1.ConsumerService/ValidateConsumer";
  if (node == "restaurant") return "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails";
  return "lockstep.order.v1.OrderService/CreateOrder";
}

StatusOr<std::vector<Way>> ParseWays(const std::string& names) {
  std::vector<Way> ways;
  for (const std::string& name : SplitAt(names, ',')) {
    if (name == "thread-per-call") {
      ways.push_back({name, call::v1::STYLE_BLOCKING, true});
      continue;
    }
    const StatusOr<call::v1::Style> style = ParseStyle(name);
    if (!style.ok()) {
      return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                       MessageOf(style.status()) + ", thread-per-call");
    }
    ways.push_back({name, *style, false});
  }
  return ways;
}

std::string Condition::Text() const {
  switch (kind) {
    case Kind::kHealthy:
      return "all well";
    case Kind::kSlow:
      return fmt::format("{} slow, by {:g} ms", node,
                         std::chrono::duration<double, std::milli>(delay).count());
    case Kind::kStuck:
      return node + " stuck";
    case Kind::kDown:
      return node + " gone";
  }
  return "";
}

StatusOr<Condition> ParseWhere(Condition::Kind kind, const std::string& node) {
  const StatusOr<ServerAddresses> known = Addresses().Find(node);
  if (!known.ok()) return known.status();
  return Condition{kind, node, {}};
}

StatusOr<Condition> ParseSlow(const std::string& text) {
  const std::vector<std::string> parts = SplitAt(text, '=');
  if (parts.size() != 2) {
    return MakeError(StatusCode::kInvalidArgument, "VALUE_INVALID",
                     fmt::format("\"{}\": write consumer=80ms", text));
  }
  StatusOr<Condition> condition = ParseWhere(Condition::Kind::kSlow, parts[0]);
  if (!condition.ok()) return condition.status();
  const StatusOr<Duration> delay = ParseDuration(parts[1]);
  if (!delay.ok()) return delay.status();
  condition->delay = *delay;
  return condition;
}

std::vector<PlannedOrder> Repeated(const std::vector<PlannedOrder>& plan, const Way& way,
                                   const std::string& run, std::size_t count) {
  std::vector<PlannedOrder> orders;
  orders.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    PlannedOrder order = plan[i % plan.size()];
    order.request.set_request_id(fmt::format("{}:{}:{}", run, way.name, i));
    order.request.mutable_options()->set_style(way.style);
    orders.push_back(std::move(order));
  }
  return orders;
}

StatusOr<Cell> MeasureCell(Cluster& cluster, const std::vector<PlannedOrder>& plan,
                           const Condition& condition, const Way& way, const CellOptions& options) {
  const Addresses& addresses = cluster.addresses();
  GrpcOrderCaller caller(way.is_sync ? addresses.order.sync : addresses.order.business);
  Cell cell{condition, way, {}, 0, 0, 0};

  // Connections, caches and the store's file are warm before anything is counted.
  PlacingOptions warm_up;
  warm_up.in_flight = 4;
  warm_up.timeout = 5s;
  Offer(caller, Repeated(plan, way, "warm-up", kWarmUpOrders), warm_up, "", true);
  ControlPeer control(addresses.order.control, kControlTimeout);
  const auto reset = control.Ask(&ControlService::Stub::ResetLedger, {});
  if (!reset.ok()) return reset.status();
  const Status imposed = Impose(cluster, condition);
  if (!imposed.ok()) return imposed;
  cell.threads_idle = cluster.order().Threads();

  PlacingOptions load;
  const double count = options.rate * std::chrono::duration<double>(options.length).count();
  const std::vector<PlannedOrder> orders =
      Repeated(plan, way, "load", static_cast<std::size_t>(count));
  load.arrivals = EvenArrivals(orders.size(), options.rate);
  load.timeout = options.timeout;
  {
    ThreadWatch threads(cluster.order());
    cell.figures = Offer(caller, orders, load, fmt::format("{}, {}", condition.Text(), way.name),
                         options.is_quiet);
    cell.threads_most = threads.Stop();
  }
  const auto ledger = control.Ask(&ControlService::Stub::GetLedger, {});
  if (!ledger.ok()) return ledger.status();
  cell.threads_held_most = ledger->threads_held_most();
  return cell;
}

std::string CellsText(const std::vector<Cell>& cells) {
  Table table({{"style"},
               {"accepted", Align::kRight},
               {"", Align::kRight},
               {"median", Align::kRight},
               {"99th perc.", Align::kRight},
               {"others after", Align::kRight},
               {"threads held", Align::kRight},
               {"by the kernel", Align::kRight},
               {"answers"}});
  const auto quantile = [](const std::vector<Duration>& latencies, double share) {
    return latencies.empty() ? "–" : MillisText(Quantile(latencies, share));
  };
  std::string last;
  for (const Cell& cell : cells) {
    const Figures& figures = cell.figures;
    const std::string condition = cell.condition.Text();
    if (condition != last) {
      if (!last.empty()) table.AddRule();
      table.AddHeading(condition);
    }
    const double share = 100 * static_cast<double>(figures.accepted) /
                         static_cast<double>(std::max<std::int64_t>(1, figures.orders));
    table.Add({"  " + cell.way.name, CountText(figures.accepted), fmt::format("{:.0f} %", share),
               quantile(figures.accepted_latencies, 0.5),
               quantile(figures.accepted_latencies, 0.99), quantile(figures.other_latencies, 0.5),
               CountText(cell.threads_held_most),
               fmt::format("{} → {}", cell.threads_idle, cell.threads_most), CodesText(figures)});
    last = condition;
  }
  return table.Text();
}

std::vector<Json> CellsJson(const std::vector<Cell>& cells) {
  std::vector<Json> list;
  for (const Cell& cell : cells) {
    Json json;
    Put(json, "condition", cell.condition.Text());
    Put(json, "style", cell.way.name);
    Put(json, "figures", FiguresJson(cell.figures));
    Put(json, "threads_held_most", cell.threads_held_most);
    Put(json, "threads_idle", cell.threads_idle);
    Put(json, "threads_most", cell.threads_most);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace lockstep::lab
