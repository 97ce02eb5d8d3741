// The load of scripts/bench: closed and open loops, orders that are held, and what stands around
// them. Each subcommand prints one JSON object.
#include <CLI/CLI.hpp>
#include <map>

#include "lab/bench/load.h"

namespace {

using namespace lockstep::lab;

const std::map<std::string, LoadMethod> kMethods = {
    {"create-order", LoadMethod::kCreateOrder},
    {"validate-consumer", LoadMethod::kValidateConsumer},
    {"validate-order-details", LoadMethod::kValidateDetails}};

// Adds the flags of a subcommand, and runs it when it is named.
void AddClosed(CLI::App& app, int& status) {
  auto options = std::make_shared<ClosedLoad>();
  CLI::App* command = app.add_subcommand("closed", "so many calls in flight");
  command->add_option("--target", options->target, "HOST:PORT")->required();
  command->add_option("--method", options->method)->transform(CLI::CheckedTransformer(kMethods));
  command->add_option("--style", options->style);
  command->add_option("--in-flight", options->in_flight)->capture_default_str();
  command->add_option("--connections", options->connections)->capture_default_str();
  command->add_option("--warm-up", options->warm_up, "seconds")->capture_default_str();
  command->add_option("--seconds", options->seconds)->capture_default_str();
  command->add_option("--timeout", options->timeout, "seconds")->capture_default_str();
  command->add_option("--pid", options->pids, "whose CPU time is read");
  command->add_option("--messages", options->messages, "a captured order");
  command->add_option("--capture", options->capture, "a file for one order and its answer");
  command->callback([options, &status] { status = RunClosedLoad(*options); });
}

void AddOpen(CLI::App& app, int& status) {
  auto options = std::make_shared<OpenLoad>();
  CLI::App* command = app.add_subcommand("open", "calls at a rate");
  command->add_option("--target", options->target, "HOST:PORT")->required();
  command->add_option("--method", options->method)->transform(CLI::CheckedTransformer(kMethods));
  command->add_option("--style", options->style);
  command->add_option("--rate", options->rate, "a second")->capture_default_str();
  command->add_option("--calls", options->calls)->capture_default_str();
  command->add_option("--timeout", options->timeout, "seconds")->capture_default_str();
  command->add_option("--downstream-timeout", options->downstream_timeout, "seconds");
  command->add_option("--stuck", options->stuck, "the part that is never answered");
  command->add_option("--moments", options->moments, "the leaf's file");
  command->add_option("--seed", options->seed)->capture_default_str();
  command->callback([options, &status] { status = RunOpenLoad(*options); });
}

void AddHeld(CLI::App& app, int& status) {
  auto stall = std::make_shared<Stall>();
  CLI::App* command = app.add_subcommand("stall", "orders that are held until stdin ends");
  command->add_option("--target", stall->target, "HOST:PORT")->required();
  command->add_option("--style", stall->style);
  command->add_option("--in-flight", stall->in_flight)->capture_default_str();
  command->callback([stall, &status] { status = RunStall(*stall); });

  auto probe = std::make_shared<Probe>();
  command = app.add_subcommand("probe", "an order every interval until stdin ends");
  command->add_option("--target", probe->target, "HOST:PORT")->required();
  command->add_option("--style", probe->style);
  command->add_option("--interval", probe->interval, "seconds")->capture_default_str();
  command->add_option("--timeout", probe->timeout, "seconds")->capture_default_str();
  command->callback([probe, &status] { status = RunProbe(*probe); });
}

struct Around {
  std::string consumer, restaurant, control;
  std::vector<std::string> methods;
  double milliseconds = 0;
  int threads = -1, queue = -1;
};

void AddAround(CLI::App& app, int& status) {
  auto options = std::make_shared<Around>();
  CLI::App* command = app.add_subcommand("prepare", "consumers, restaurants and menus");
  command->add_option("--consumer", options->consumer, "HOST:PORT")->required();
  command->add_option("--restaurant", options->restaurant, "HOST:PORT")->required();
  command->callback(
      [options, &status] { status = RunPrepare(options->consumer, options->restaurant); });

  command = app.add_subcommand("delay", "a fixed delay on methods");
  command->add_option("--control", options->control, "HOST:PORT")->required();
  command->add_option("--method", options->methods)->required();
  command->add_option("--milliseconds", options->milliseconds, "0: none")->required();
  command->callback([options, &status] {
    status = RunDelay(options->control, options->methods, options->milliseconds);
  });

  command = app.add_subcommand("pool", "the size of the order service's pool");
  command->add_option("--control", options->control, "HOST:PORT")->required();
  command->add_option("--threads", options->threads);
  command->add_option("--queue", options->queue);
  command->callback(
      [options, &status] { status = RunPool(options->control, options->threads, options->queue); });

  command = app.add_subcommand("ledger", "calls under way, and the ledger");
  command->add_option("--control", options->control, "HOST:PORT")->required();
  command->callback([options, &status] { status = RunLedger(options->control); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The load of scripts/bench.", "lockstep-bench-load");
  app.require_subcommand(1);
  int status = 0;
  AddClosed(app, status);
  AddOpen(app, status);
  AddHeld(app, status);
  AddAround(app, status);
  CLI11_PARSE(app, argc, argv);
  return status;
}
