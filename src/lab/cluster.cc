#include "lab/cluster.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""s;

constexpr Duration kStartLimit =
    20s;  // a start takes about 50 ms; a sanitizer or a busy machine, 20 times that

// addresses: where all are; port 0 where that is not known yet, but for Order's business address,
// which the others are told before it runs.
StatusOr<Process> StartServer(const ClusterOptions& options, const Addresses& addresses,
                              const std::string& node) {
  const ServerAddresses own = *addresses.Find(node);
  const std::string stem = (options.folder / node).string();
  std::error_code error;
  std::filesystem::remove(stem + ".ready", error);
  std::vector<std::string> arguments = {"--listen",      own.business,
                                        "--control",     own.control,
                                        "--db",          stem + ".db",
                                        "--ready-file",  stem + ".ready",
                                        "--node",        node,
                                        "--log-level",   "error",
                                        "--common-data", (options.folder / "common.db").string()};
  const std::vector<std::string> more =
      node == "order"
          ? std::vector<std::string>{"--sync-listen",  own.sync,
                                     "--consumer",     addresses.consumer.business,
                                     "--restaurant",   addresses.restaurant.business,
                                     "--pool-threads", fmt::format("{}", options.pool_threads),
                                     "--pool-queue",   fmt::format("{}", options.pool_queue)}
          : std::vector<std::string>{"--peer", "order=" + addresses.order.business};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Process::Start(options.programs / ("lockstep-" + node), arguments, stem + ".log");
}

StatusOr<ServerAddresses> WaitFor(Process& process, const ClusterOptions& options,
                                  const std::string& node) {
  return WaitUntilReady(process, options.folder / (node + ".ready"), kStartLimit);
}

}  // namespace

StatusOr<Cluster> Cluster::Start(const ClusterOptions& options) {
  const StatusOr<std::string> order_at = FreeAddress();
  if (!order_at.ok()) return order_at.status();
  Addresses addresses;
  for (ServerAddresses* server : {&addresses.order, &addresses.consumer, &addresses.restaurant}) {
    server->business = server->control = server->sync = "127.0.0.1:0";
  }
  addresses.order.business = *order_at;
  StatusOr<Process> consumer = StartServer(options, addresses, "consumer");
  if (!consumer.ok()) return consumer.status();
  // One after the other: both make the file of the common data where it is not there.
  StatusOr<ServerAddresses> ready = WaitFor(*consumer, options, "consumer");
  if (!ready.ok()) return ready.status();
  addresses.consumer = *ready;
  StatusOr<Process> restaurant = StartServer(options, addresses, "restaurant");
  if (!restaurant.ok()) return restaurant.status();
  ready = WaitFor(*restaurant, options, "restaurant");
  if (!ready.ok()) return ready.status();
  addresses.restaurant = *ready;
  StatusOr<Process> order = StartServer(options, addresses, "order");
  if (!order.ok()) return order.status();
  ready = WaitFor(*order, options, "order");
  if (!ready.ok()) return ready.status();
  addresses.order = *ready;
  return Cluster(options, std::move(addresses), *std::move(consumer), *std::move(restaurant),
                 *std::move(order));
}

Status Cluster::Restart(const std::string& node) {
  StatusOr<Process> process = StartServer(options_, addresses_, node);
  if (!process.ok()) return process.status();
  Find(node) = *std::move(process);
  return WaitFor(Find(node), options_, node).status();
}

Process& Cluster::Find(const std::string& node) {
  return node == "consumer" ? consumer_ : node == "restaurant" ? restaurant_ : order_;
}

bool Cluster::Terminate(Duration by) {
  const bool order_ended = order_.Terminate(by);
  const bool consumer_ended = consumer_.Terminate(by);
  return restaurant_.Terminate(by) && consumer_ended && order_ended;
}

StatusOr<std::filesystem::path> FindPrograms() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return MakeError(StatusCode::kUnavailable, "PROGRAM_NOT_STARTED",
                     "/proc/self/exe cannot be read, so the servers cannot be found");
  }
  return program.parent_path();
}

}  // namespace lockstep::lab
