#include "lab/cluster.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""s;

constexpr Duration kStartLimit =
    20s;  // a start takes about 50 ms; a sanitizer or a busy machine, 20 times that

StatusOr<Process> StartServer(const ClusterOptions& options, const std::string& node,
                              const std::vector<std::string>& more = {}) {
  const std::string stem = (options.folder / node).string();
  std::error_code error;
  std::filesystem::remove(stem + ".ready", error);
  std::vector<std::string> arguments = {"--listen", "127.0.0.1:0", "--control",    "127.0.0.1:0",
                                        "--db",     stem + ".db",  "--ready-file", stem + ".ready",
                                        "--node",   node,          "--log-level",  "error"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Process::Start(options.programs / ("lockstep-" + node), arguments, stem + ".log");
}

StatusOr<ServerAddresses> WaitFor(Process& process, const ClusterOptions& options,
                                  const std::string& node) {
  return WaitUntilReady(process, options.folder / (node + ".ready"), kStartLimit);
}

}  // namespace

StatusOr<Cluster> Cluster::Start(const ClusterOptions& options) {
  Addresses addresses;
  StatusOr<Process> consumer = StartServer(options, "consumer");
  if (!consumer.ok()) return consumer.status();
  StatusOr<Process> restaurant = StartServer(options, "restaurant");
  if (!restaurant.ok()) return restaurant.status();
  StatusOr<ServerAddresses> ready = WaitFor(*consumer, options, "consumer");
  if (!ready.ok()) return ready.status();
  addresses.consumer = *ready;
  ready = WaitFor(*restaurant, options, "restaurant");
  if (!ready.ok()) return ready.status();
  addresses.restaurant = *ready;
  StatusOr<Process> order = StartServer(
      options, "order",
      {"--sync-listen", "127.0.0.1:0", "--consumer", addresses.consumer.business, "--restaurant",
       addresses.restaurant.business, "--pool-threads", fmt::format("{}", options.pool_threads),
       "--pool-queue", fmt::format("{}", options.pool_queue)});
  if (!order.ok()) return order.status();
  ready = WaitFor(*order, options, "order");
  if (!ready.ok()) return ready.status();
  addresses.order = *ready;
  return Cluster(*std::move(consumer), *std::move(restaurant), *std::move(order),
                 std::move(addresses));
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
