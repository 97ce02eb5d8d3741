// --peer: what it takes, what it refuses and how it says so.
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "common/control/flags.h"
#include "tests/support/catch.h"

namespace lockstep::control {
namespace {

using Peers = std::map<std::string, std::vector<std::string>>;

struct Parsed {
  Peers peers;
  std::string error;
};

Parsed Parse(const std::vector<std::string>& values) {
  Parsed parsed{{{"order", {"127.0.0.1:50051"}}}, ""};
  CLI::App app;
  AddPeerFlag(app, parsed.peers);
  std::vector<std::string> arguments;  // CLI11 takes them from the back
  for (const std::string& value : values) arguments.insert(arguments.begin(), {value, "--peer"});
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    parsed.error = error.what();
  }
  return parsed;
}

TEST_CASE("the flag --peer adds to the defaults, and takes the place of the one it names") {
  CHECK(Parse({}).peers == Peers{{"order", {"127.0.0.1:50051"}}});
  CHECK(Parse({"kitchen=a:1"}).peers ==
        Peers{{"order", {"127.0.0.1:50051"}}, {"kitchen", {"a:1"}}});
  CHECK(Parse({"order=a:1,[::1]:2", "kitchen=b:65535"}).peers ==
        Peers{{"order", {"a:1", "[::1]:2"}}, {"kitchen", {"b:65535"}}});
}

TEST_CASE("the flag --peer refuses what it cannot use, and says what it wants") {
  const std::map<std::string, std::string> cases = {
      {"127.0.0.1:1", "NAME=HOST:PORT"},        {"=a:1", "name of a peer"},
      {"Order=a:1", "name of a peer"},          {"order=", "port of 1 to 65535"},
      {"order=a", "port of 1 to 65535"},        {"order=a:0", "port of 1 to 65535"},
      {"order=a:65536", "port of 1 to 65535"},  {"order=a:1,", "port of 1 to 65535"},
      {"order=a:1,,b:2", "port of 1 to 65535"}, {"order=a:1,a:1", "twice"},
  };
  for (const auto& [value, said] : cases) {
    const Parsed parsed = Parse({value});
    INFO(value << ": " << parsed.error);
    CHECK(parsed.error.find(said) != std::string::npos);
    CHECK(parsed.peers.at("order") == std::vector<std::string>{"127.0.0.1:50051"});
  }
  CHECK(Parse({"order=a:1", "order=b:2"}).error.find("order=A,B") != std::string::npos);
}

}  // namespace
}  // namespace lockstep::control
