// The references of scripts/bench, built from the same packages as Lockstep and without any of its
// code: bare gRPC servers, and a bare SQLite insert loop.
#include <CLI/CLI.hpp>

#include "lab/bench/echo_servers.h"
#include "lab/bench/insert_loop.h"
#include "lab/bench/process.h"

int main(int argc, char** argv) {
  using namespace lockstep::lab;
  BlockEndSignals();
  CLI::App app("What scripts/bench compares Lockstep with.", "lockstep-bench-reference");
  app.require_subcommand(1);
  ReferenceServer server;
  std::string messages;
  std::string consumer;
  std::string restaurant;
  const auto add_server = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--listen", server.listen, "HOST:PORT")->capture_default_str();
    command->add_option("--ready-file", server.ready_file, "says in JSON where it listens")
        ->required();
    command->add_option("--messages", messages, "a captured order; else one made up");
    return command;
  };
  const CLI::App* queue_echo = add_server("queue-echo", "a bare completion-queue server");
  const CLI::App* sync_echo = add_server("sync-echo", "a bare synchronous server");
  CLI::App* sync_orders = add_server("sync-orders", "one whose CreateOrder calls on, blocking");
  sync_orders->add_option("--consumer", consumer, "HOST:PORT")->required();
  sync_orders->add_option("--restaurant", restaurant, "HOST:PORT")->required();
  InsertLoop insert;
  CLI::App* insert_loop = app.add_subcommand("insert", "a bare SQLite insert loop");
  insert_loop->add_option("--like", insert.like, "a database of lockstep-order")->required();
  insert_loop->add_option("--db", insert.db, "the file to make")->required();
  insert_loop->add_option("--batch", insert.batch, "orders a commit")->capture_default_str();
  insert_loop->add_option("--seconds", insert.seconds, "at most")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  if (insert_loop->parsed()) return RunInsertLoop(insert);
  const Messages sample = Load(messages);
  if (queue_echo->parsed()) return ServeQueueEcho(server, sample);
  if (sync_echo->parsed()) return ServeSynchronousEcho(server, sample);
  return ServeSynchronousOrders(server, sample, consumer, restaurant);
}
