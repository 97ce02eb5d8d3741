#include "lab/comparison.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
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
using order::v1::OrderService;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr char kDeliver[] = "lockstep.message.v1.Mailbox/Deliver";
constexpr Duration kControlTimeout = 5s;
constexpr Duration kLookAtThreads = 5ms;
constexpr Duration kLookAtCopies = 20ms;
constexpr std::size_t kWarmUpOrders = 200;
constexpr Duration kWarmUpLimit = 20s;  // until each service knows the others, and copies are whole

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
  for (const std::string& method : QuestionsTo(condition.node)) {
    control::v1::Fault* fault = request.add_faults();
    fault->set_method(method);
    rpc::SetDuration(condition.delay, fault->mutable_fixed_delay());
  }
  return control.Ask(&ControlService::Stub::SetFaults, request).status();
}

// A service that was stuck or gone comes back; one that is slow stays so.
Status Lift(Cluster& cluster, const Condition& condition) {
  if (condition.kind == Condition::Kind::kStuck) cluster.Find(condition.node).Signal(SIGCONT);
  if (condition.kind == Condition::Kind::kDown) return cluster.Restart(condition.node);
  return OkStatus();
}

// How old the copies were by which a hopeless order was refused; nothing if that cannot be said
// yet.
std::optional<Duration> AgeOfCopies(OrderService::Stub& stub, call::v1::Style style) {
  order::v1::CreateOrderRequest request;
  request.set_consumer_id("nobody");
  request.set_restaurant_id("nowhere");
  auto& line = *request.add_lines();
  line.set_menu_item_id("nothing");
  line.set_quantity(1);
  request.mutable_delivery_address()->set_street("1 Long Lane");
  request.mutable_delivery_address()->set_city("Harmouth");
  request.mutable_delivery_address()->set_postal_code("HM1 1AA");
  request.mutable_options()->set_style(style);
  grpc::ClientContext context;
  context.set_deadline(rpc::ToTimespec(Deadline::After(Clock::Real().Now(), kControlTimeout)));
  order::v1::CreateOrderResponse response;
  const grpc::Status status = stub.CreateOrder(&context, request, &response);
  call::v1::Receipt receipt;
  if (!rpc::ReceiptOf(status, receipt) || receipt.copies_size() < 2) return std::nullopt;
  Duration age{};
  for (const call::v1::CopyRead& copy : receipt.copies())
    age = std::max(age, rpc::ToDuration(copy.age()));
  return age;
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

// What became of the orders that were answered first.
Status AwaitFinal(Cluster& cluster, OrderPeer& peer, const CellOptions& options, Cell& cell) {
  const std::set<std::string>& ids = cell.figures.pending_ids;
  if (ids.empty() || Interrupted()) return OkStatus();
  const auto at_end = AwaitCompletion(peer, ids, Duration::zero(), Interrupted);
  if (!at_end.ok()) return at_end.status();
  cell.pending_at_end = at_end->pending;
  const Status lifted = Lift(cluster, cell.condition);
  if (!lifted.ok()) return lifted;
  const auto completion = AwaitCompletion(peer, ids, options.final_within, Interrupted);
  if (!completion.ok()) return completion.status();
  Complete(*completion, cell.figures);
  return OkStatus();
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

// How many of the accepted orders are final, and which of these are no longer accepted.
std::string FinalText(const Figures& figures) {
  if (!figures.completion) return figures.accepted > 0 ? "at once" : "–";
  const Completion& completion = *figures.completion;
  std::string text = CountText(completion.in_all() - completion.pending);
  if (completion.rejected_in_all() > 0)
    text += fmt::format(", {} rejected", CountText(completion.rejected_in_all()));
  return text;
}

}  // namespace

std::vector<std::string> QuestionsTo(const std::string& node) {
  const std::string question =
      node == "consumer"     ? "lockstep.consumer.v1.ConsumerService/ValidateConsumer"
      : node == "restaurant" ? "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails"
                             : "lockstep.order.v1.OrderService/CreateOrder";
  return {question, kDeliver};
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

Status AwaitCopies(const std::string& order_address, const std::vector<Way>& ways, SteadyTime since,
                   Duration limit) {
  const auto stub = OrderService::NewStub(ConnectedChannel(order_address));
  for (const Way& way : ways) {
    if (!JudgesByCopies(way.style)) continue;
    for (;;) {
      const SteadyTime now = Clock::Real().Now();
      const std::optional<Duration> age = AgeOfCopies(*stub, way.style);
      if (age && now - *age >= since) break;
      if (Interrupted()) return OkStatus();
      if (now >= since + limit) {
        return MakeError(StatusCode::kUnavailable, "COPIES_NOT_READY",
                         fmt::format("style {}: the copies were not up to date within {}", way.name,
                                     SpanText(limit)));
      }
      std::this_thread::sleep_for(kLookAtCopies);
    }
  }
  return OkStatus();
}

StatusOr<Cell> MeasureCell(Cluster& cluster, const std::vector<PlannedOrder>& plan,
                           const Condition& condition, const Way& way, const CellOptions& options) {
  const Addresses& addresses = cluster.addresses();
  GrpcOrderCaller caller(way.is_sync ? addresses.order.sync : addresses.order.business);
  Cell cell{condition, way, {}, 0, 0, 0, 0};
  OrderPeer peer(addresses.order.business, kControlTimeout);

  // Connections, caches, copies and the store's file are warm before anything is counted.
  const Status copied =
      AwaitCopies(addresses.order.business, {way}, Clock::Real().Now(), kWarmUpLimit);
  if (!copied.ok()) return copied;
  PlacingOptions warm_up;
  warm_up.in_flight = 4;
  warm_up.timeout = 5s;
  const Figures warm =
      Offer(caller, Repeated(plan, way, "warm-up", kWarmUpOrders), warm_up, "", true);
  const auto warmed = AwaitCompletion(peer, warm.pending_ids, kWarmUpLimit, Interrupted);
  if (!warmed.ok()) return warmed.status();
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
  const Status completed = AwaitFinal(cluster, peer, options, cell);
  if (!completed.ok()) return completed;
  return cell;
}

std::string CellsText(const std::vector<Cell>& cells) {
  Table table({{"style"},
               {"accepted", Align::kRight},
               {"", Align::kRight},
               {"median", Align::kRight},
               {"99th perc.", Align::kRight},
               {"final", Align::kRight},
               {"median", Align::kRight},
               {"99th perc.", Align::kRight},
               {"waited", Align::kRight},
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
               quantile(figures.accepted_latencies, 0.99), FinalText(figures),
               figures.completion ? quantile(figures.completion->times, 0.5) : "",
               figures.completion ? quantile(figures.completion->times, 0.99) : "",
               figures.completion ? CountText(cell.pending_at_end) : "",
               quantile(figures.other_latencies, 0.5), CountText(cell.threads_held_most),
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
    Put(json, "pending_at_end", cell.pending_at_end);
    Put(json, "threads_held_most", cell.threads_held_most);
    Put(json, "threads_idle", cell.threads_idle);
    Put(json, "threads_most", cell.threads_most);
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace lockstep::lab
