#include "lab/backlog_view.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "common/rpc/proto_values.h"
#include "lab/table.h"

namespace lockstep::lab {
namespace {

using control::v1::ControlService;
using message::v1::Backlog;
using message::v1::DestinationBacklog;
using std::chrono_literals::operator""s;

constexpr Duration kWindow = 5s;         // of the drain rate
constexpr std::size_t kErrorBytes = 50;  // of an error in the table; `messages list` has it whole

std::string RateText(const Drain& drain) {
  const auto per_second = drain.PerSecond();
  return per_second ? fmt::format("{}/s", CountText(std::llround(*per_second))) : "";
}

std::string LeftText(const Drain& drain) {
  const auto left = drain.Left();
  if (!left) return "does not shrink";
  return *left == Duration::zero() ? "" : "in about " + SpanText(*left + 1s);
}

std::string AgeText(bool has, const google::protobuf::Duration& age) {
  return has ? SpanText(rpc::ToDuration(age)) : "";
}

// What is far too long for a table is said by any other command.
std::string ErrorText(const Status& status) {
  return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded
             ? "does not answer"
             : MessageOf(status);
}

std::string Shortened(std::string_view text) {
  const bool whole = text.size() <= kErrorBytes;
  return fmt::format("{}{}", text.substr(0, kErrorBytes), whole ? "" : "...");
}

bool HasNoMessages(const Status& status) { return DetailOf(status).reason == "NO_MESSAGES"; }

}  // namespace

BacklogView::BacklogView(const Addresses& addresses, const std::vector<std::string>& nodes,
                         bool named, Duration timeout)
    : named_(named) {
  for (const std::string& node : nodes) {
    servers_.emplace_back(node, addresses.Find(node)->control, timeout);
  }
}

void BacklogView::Read() {
  for (Server& server : servers_) {
    server.backlog = server.peer.Ask(&ControlService::Stub::GetBacklog, {});
    if (!server.backlog.ok()) {
      if (HasNoMessages(server.backlog.status()) && !named_) server.backlog = Backlog();
      continue;
    }
    const SteadyTime now = Clock::Real().Now();
    for (const DestinationBacklog& destination : server.backlog->destinations()) {
      const std::pair key(server.node, destination.destination());
      drains_.try_emplace(key, kWindow)
          .first->second.Add({now, destination.waiting(), destination.sent()});
    }
    // Orders are not sent; that they become fewer is how they drain.
    drains_.try_emplace({server.node, ""}, kWindow)
        .first->second.Add({now, server.backlog->orders_pending(), 0});
  }
}

bool BacklogView::empty() const { return status().ok() && waiting() == 0; }

Status BacklogView::status() const {
  for (const Server& server : servers_) {
    if (!server.backlog.ok()) return server.backlog.status();
  }
  return OkStatus();
}

std::int64_t BacklogView::waiting() const {
  std::int64_t waiting = 0;
  for (const Server& server : servers_) {
    if (!server.backlog.ok()) continue;
    waiting += server.backlog->orders_pending();
    for (const DestinationBacklog& destination : server.backlog->destinations())
      waiting += destination.waiting();
  }
  return waiting;
}

const Drain& BacklogView::DrainOf(const std::string& node, const std::string& destination) const {
  return drains_.at({node, destination});
}

std::string BacklogView::Text() const {
  Table table({{"server"},
               {"what waits"},
               {"waiting", Align::kRight},
               {"oldest", Align::kRight},
               {"drains", Align::kRight},
               {"empty"},
               {"last error"}});
  for (const Server& server : servers_) {
    if (!server.backlog.ok()) {
      table.Add({server.node, "", "", "", "", "", ErrorText(server.backlog.status())});
      continue;
    }
    const Backlog& backlog = *server.backlog;
    for (const DestinationBacklog& row : backlog.destinations()) {
      const Drain& drain = DrainOf(server.node, row.destination());
      table.Add({server.node, "messages for " + row.destination(), CountText(row.waiting()),
                 AgeText(row.has_oldest_age(), row.oldest_age()), RateText(drain), LeftText(drain),
                 Shortened(row.error())});
    }
    if (backlog.orders_pending() > 0) {
      table.Add({server.node, "orders that are pending", CountText(backlog.orders_pending()),
                 AgeText(backlog.has_oldest_order_age(), backlog.oldest_order_age()), "",
                 LeftText(DrainOf(server.node, "")), ""});
    }
    if (backlog.dead_letters() > 0) {
      table.Add({server.node, "given up: see `lockstep messages list`",
                 CountText(backlog.dead_letters()), "", "", "", ""});
    }
  }
  return (table.empty() ? "" : table.Text() + "\n") + (empty() ? "Nothing waits.\n" : "");
}

std::string BacklogView::Line() const {
  std::string line;
  const auto add = [&line](const std::string& text) { line += (line.empty() ? "" : "; ") + text; };
  for (const Server& server : servers_) {
    if (!server.backlog.ok()) {
      add(server.node + " does not answer");
      continue;
    }
    for (const DestinationBacklog& row : server.backlog->destinations()) {
      if (row.waiting() == 0) continue;
      const Drain& drain = DrainOf(server.node, row.destination());
      const std::string rate = RateText(drain);
      add(fmt::format("{} -> {}: {} wait, oldest {}, {}{}{}", server.node, row.destination(),
                      CountText(row.waiting()), AgeText(row.has_oldest_age(), row.oldest_age()),
                      rate, rate.empty() ? "" : ", ",
                      drain.Left() ? "empty " + LeftText(drain) : LeftText(drain)));
    }
    if (server.backlog->orders_pending() > 0) {
      add(fmt::format("{}: {} orders pending", server.node,
                      CountText(server.backlog->orders_pending())));
    }
  }
  return (line.empty() ? "nothing waits" : line) + "\n";
}

Json BacklogView::AsJson() const {
  Json json;
  for (const Server& server : servers_) {
    if (!server.backlog.ok()) {
      Json error;
      Put(error, "error", ErrorJson(server.backlog.status()));
      Put(json, server.node, error);
      continue;
    }
    Json of_server = lab::AsJson(*server.backlog);
    std::vector<Json> destinations;
    for (const DestinationBacklog& row : server.backlog->destinations()) {
      Json destination = lab::AsJson(row);
      const Drain& drain = DrainOf(server.node, row.destination());
      if (const auto rate = drain.PerSecond()) Put(destination, "drain_per_second", *rate);
      if (const auto left = drain.Left()) PutMillis(destination, "empty_in_ms", *left);
      destinations.push_back(std::move(destination));
    }
    Put(of_server, "destinations", destinations);
    Put(json, server.node, of_server);
  }
  Put(json, "waiting", waiting());
  return json;
}

}  // namespace lockstep::lab
