// lockstep-consumer: keeps consumers and judges whether one of them may order.
#include "common/control/host.h"
#include "consumer/service/consumer_service.h"

int main(int argc, char** argv) {
  lockstep::control::ProgramSpec spec;
  spec.name = "lockstep-consumer";
  spec.node = "consumer";
  spec.listen = "127.0.0.1:50052";
  spec.control = "127.0.0.1:50062";
  spec.db = "consumer.db";
  spec.description =
      "Keeps consumers and judges whether one of them may order: lockstep.consumer.v1.";
  spec.examples =
      "  lockstep-consumer\n"
      "  lockstep-consumer --listen 127.0.0.1:0 --control 127.0.0.1:0 --ready-file ready.json\n";
  spec.make = &lockstep::owner::Make<lockstep::consumer::ConsumerService>;
  return lockstep::control::RunServer(argc, argv, spec);
}
