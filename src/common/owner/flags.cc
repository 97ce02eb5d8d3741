#include "common/owner/flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "common/control/flags.h"

namespace lockstep::owner {

void AddOwnerFlags(CLI::App& app, OwnerFlags& flags) {
  control::AddPeerFlag(app, flags.peers);
  app.add_flag_callback(
      "--no-order-feed", [&flags] { flags.order_feed = false; },
      "do not listen to the feed of the peer order, and so judge no order of the style "
      "EVENT_DRIVEN");
  app.add_option("--common-data", flags.common_data,
                 "the SQLite file that the style COMMON_DATA reads; made if it is not there")
      ->type_name("FILE");
}

}  // namespace lockstep::owner
