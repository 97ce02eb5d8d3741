// lockstep-restaurant: keeps restaurants and their menus, and judges and prices orders.
#include "common/control/host.h"
#include "common/owner/flags.h"
#include "restaurant/service/restaurant_service.h"

int main(int argc, char** argv) {
  lockstep::control::ProgramSpec spec;
  spec.name = "lockstep-restaurant";
  spec.node = "restaurant";
  spec.listen = "127.0.0.1:50053";
  spec.control = "127.0.0.1:50063";
  spec.db = "restaurant.db";
  spec.description =
      "Keeps restaurants and their menus, and judges and prices orders: lockstep.restaurant.v1.";
  spec.examples =
      "  lockstep-restaurant\n"
      "  lockstep-restaurant --listen 127.0.0.1:0 --control 127.0.0.1:0 --ready-file ready.json\n";
  lockstep::owner::OwnerFlags flags;
  spec.add_flags = [&](CLI::App& app) { lockstep::owner::AddOwnerFlags(app, flags); };
  spec.make = [&](const lockstep::control::HostContext& context) {
    return lockstep::owner::Make<lockstep::restaurant::RestaurantService>(context, flags);
  };
  return lockstep::control::RunServer(argc, argv, spec);
}
