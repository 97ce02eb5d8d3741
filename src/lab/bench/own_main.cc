// Parts of Lockstep by themselves, for scripts/bench: the server's shell, and the store.
#include <CLI/CLI.hpp>

#include "lab/bench/own.h"
#include "lab/bench/process.h"

int main(int argc, char** argv) {
  using namespace lockstep::lab;
  BlockEndSignals();
  CLI::App app("Parts of Lockstep by themselves, for scripts/bench.", "lockstep-bench-own");
  app.require_subcommand(1);
  Leaf leaf;
  CLI::App* serve = app.add_subcommand("leaf", "a server whose methods do nothing but answer");
  serve->add_option("--listen", leaf.listen, "HOST:PORT")->capture_default_str();
  serve->add_option("--ready-file", leaf.ready_file, "says in JSON where it listens")->required();
  serve->add_option("--messages", leaf.messages, "a captured order; else one made up");
  serve->add_option("--delay", leaf.delay, "milliseconds before each call");
  serve->add_option("--moments", leaf.moments, "a file for when each call was begun and answered");
  serve->add_option("--calls-max", leaf.calls_max, "that have room in it")->capture_default_str();
  serve->add_option("--loops", leaf.loops)->capture_default_str();
  StoreLoad store;
  CLI::App* load = app.add_subcommand("store", "the store alone, at work");
  load->add_option("--db", store.db, "the file to make")->required();
  load->add_option("--waiting", store.waiting, "items at any moment")->capture_default_str();
  load->add_option("--batch", store.batch, "items a commit at most");
  load->add_option("--seconds", store.seconds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return serve->parsed() ? ServeLeaf(leaf) : RunStore(store);
}
