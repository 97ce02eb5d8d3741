// lockstep-consumer: keeps consumers and judges whether one of them may order.
#include "common/control/host.h"
#include "common/control/settings.h"
#include "common/owner/flags.h"
#include "consumer/service/consumer_service.h"

int main(int argc, char** argv) {
  lockstep::control::ProgramSpec spec;
  spec.name = "lockstep-consumer";
  spec.node = "consumer";
  spec.listen = "127.0.0.1:50052";
  spec.control = "127.0.0.1:50062";
  spec.db = "consumer.db";
  spec.description =
      "Keeps consumers, judges whether one of them may order, and keeps their accounts: "
      "lockstep.consumer.v1. Whether a payment looks like fraud it asks the peer fraud, which asks "
      "the peer customer; both are this server, unless --peer names others.";
  spec.examples =
      "  lockstep-consumer\n"
      "  lockstep-consumer --listen 127.0.0.1:0 --control 127.0.0.1:0 --ready-file ready.json\n"
      "  lockstep-consumer --peer fraud=127.0.0.1:50082\n";
  lockstep::owner::OwnerFlags flags;
  spec.add_flags = [&](CLI::App& app) { lockstep::owner::AddOwnerFlags(app, flags); };
  spec.initial_settings = [](lockstep::control::v1::Settings& settings) {
    *settings.mutable_consumer() = lockstep::control::DefaultConsumerSettings();
  };
  spec.make = [&](const lockstep::control::HostContext& context) {
    return lockstep::owner::Make<lockstep::consumer::ConsumerService>(context, flags);
  };
  return lockstep::control::RunServer(argc, argv, spec);
}
