// lockstep-order: takes orders, in a style chosen for each request, and keeps them.
#include <CLI/CLI.hpp>
#include <map>

#include "common/control/flags.h"
#include "common/rpc/proto_values.h"
#include "order/service/order_service.h"

namespace lockstep::order {
namespace {

// The flags that only Order has: those of its parts, and the settings that it starts with.
struct Flags {
  OrderFlags parts;
  control::v1::OrderSettings settings = control::DefaultOrderSettings();
  Duration consumer_timeout{};    // zero: none of its own
  Duration restaurant_timeout{};  // the same
  Duration reserve = rpc::ToDuration(settings.reserve());
  Duration copy_age_max = rpc::ToDuration(settings.copy_age_max());
  Duration validation_limit = rpc::ToDuration(settings.validation_limit());
  int pool_threads = settings.pool_threads();
  int pool_queue = settings.pool_queue();
};

const std::map<std::string, call::v1::Style>& Styles() {
  static const std::map<std::string, call::v1::Style> names = {
      {"blocking", call::v1::STYLE_BLOCKING},
      {"non-blocking", call::v1::STYLE_NON_BLOCKING},
      {"replica", call::v1::STYLE_REPLICA},
      {"deferred", call::v1::STYLE_DEFERRED},
      {"event-driven", call::v1::STYLE_EVENT_DRIVEN},
      {"common-data", call::v1::STYLE_COMMON_DATA}};
  return names;
}

const std::map<std::string, call::v1::DeadlinePolicy>& Policies() {
  static const std::map<std::string, call::v1::DeadlinePolicy> names = {
      {"none", call::v1::DEADLINE_POLICY_NONE},
      {"fixed", call::v1::DEADLINE_POLICY_FIXED},
      {"propagate", call::v1::DEADLINE_POLICY_PROPAGATE},
      {"reserve", call::v1::DEADLINE_POLICY_RESERVE}};
  return names;
}

// A flag whose value is one of the names.
template <class Names, class Set>
void AddNameFlag(CLI::App& app, const std::string& flag, const Names& names, Set set,
                 const std::string& fallback, const std::string& description) {
  app.add_option_function<std::string>(
         flag, [&names, set](const std::string& name) { set(names.at(name)); }, description)
      ->check(CLI::IsMember(names))
      ->type_name("NAME")
      ->default_str(fallback);
}

void AddFlags(CLI::App& app, Flags& flags) {
  OrderFlags& parts = flags.parts;
  control::AddAddressFlag(
      app, "--sync-listen", parts.sync_listen,
      "where the synchronous shell listens: the same service, a thread for each call");
  control::AddOptionalAddressFlag(app, "--consumer", parts.consumer, "where lockstep-consumer is");
  control::AddOptionalAddressFlag(app, "--restaurant", parts.restaurant,
                                  "where lockstep-restaurant is");
  control::AddPeerFlag(app, parts.peers);
  AddNameFlag(
      app, "--default-style", Styles(),
      [&](auto style) { flags.settings.set_default_style(style); }, "non-blocking",
      "the style of an order that names none");
  AddNameFlag(
      app, "--deadline-policy", Policies(),
      [&](auto policy) { flags.settings.set_deadline_policy(policy); }, "propagate",
      "the deadline policy of an order that names none");
  control::AddDurationFlag(app, "--consumer-timeout", flags.consumer_timeout,
                           "the timeout of the question to Consumer; 0s: none of its own");
  control::AddDurationFlag(app, "--restaurant-timeout", flags.restaurant_timeout,
                           "the timeout of the question to Restaurant; 0s: none of its own");
  control::AddDurationFlag(app, "--reserve", flags.reserve,
                           "what the policy reserve keeps back of the budget");
  app.add_flag_callback(
      "--wait-for-ready", [&flags] { flags.settings.set_wait_for_ready(true); },
      "a question to a peer that is not connected waits for the connection within its deadline");
  app.add_option("--pool-threads", flags.pool_threads, "threads of the pool for blocking orders")
      ->check(CLI::Range(1, limits::kPoolThreadsMax))
      ->capture_default_str();
  app.add_option("--pool-queue", flags.pool_queue, "places in the queue before the pool")
      ->check(CLI::Range(0, limits::kPoolQueueMax))
      ->capture_default_str();
  app.add_option("--commit-batch", parts.commit_batch,
                 "writes that one commit makes durable at the most; 1: no group commit")
      ->check(CLI::Range(1, limits::kCommitBatchMax))
      ->capture_default_str();
  control::AddDurationFlag(app, "--request-id-retention", parts.request_id_retention,
                           "for how long a request can be repeated", limits::kRequestIdRetention);
  app.add_option("--common-data", flags.parts.common_data,
                 "the file into which Consumer and Restaurant put what the style common-data reads")
      ->type_name("FILE");
  control::AddDurationFlag(app, "--copy-age-max", flags.copy_age_max,
                           "the oldest copy that an order is judged by", limits::kLongTimeMax);
  control::AddDurationFlag(app, "--validation-limit", flags.validation_limit,
                           "how long an order may be PENDING; then it is REJECTED",
                           limits::kLongTimeMax);
}

control::v1::OrderSettings InitialSettings(const Flags& flags) {
  control::v1::OrderSettings settings = flags.settings;
  settings.set_pool_threads(flags.pool_threads);
  settings.set_pool_queue(flags.pool_queue);
  rpc::SetDuration(flags.reserve, settings.mutable_reserve());
  rpc::SetDuration(flags.copy_age_max, settings.mutable_copy_age_max());
  rpc::SetDuration(flags.validation_limit, settings.mutable_validation_limit());
  if (flags.consumer_timeout > Duration::zero()) {
    rpc::SetDuration(flags.consumer_timeout, settings.mutable_consumer_timeout());
  }
  if (flags.restaurant_timeout > Duration::zero()) {
    rpc::SetDuration(flags.restaurant_timeout, settings.mutable_restaurant_timeout());
  }
  return settings;
}

}  // namespace
}  // namespace lockstep::order

int main(int argc, char** argv) {
  lockstep::order::Flags flags;
  lockstep::control::ProgramSpec spec;
  spec.name = "lockstep-order";
  spec.node = "order";
  spec.listen = "127.0.0.1:50051";
  spec.control = "127.0.0.1:50061";
  spec.db = "order.db";
  spec.description =
      "Takes orders, in a style chosen for each request, and keeps them: lockstep.order.v1.";
  spec.examples =
      "  lockstep-order\n"
      "  lockstep-order --default-style blocking --pool-threads 16\n"
      "  lockstep-order --listen 127.0.0.1:0 --control 127.0.0.1:0 --sync-listen 127.0.0.1:0 "
      "--ready-file ready.json\n";
  spec.add_flags = [&](CLI::App& app) { lockstep::order::AddFlags(app, flags); };
  spec.initial_settings = [&](lockstep::control::v1::Settings& settings) {
    *settings.mutable_order() = lockstep::order::InitialSettings(flags);
  };
  spec.make = [&](const lockstep::control::HostContext& context) {
    return lockstep::order::OrderService::Make(context, flags.parts);
  };
  return lockstep::control::RunServer(argc, argv, spec);
}
