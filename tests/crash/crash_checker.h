// Judges what is left of Order's file: whether every promise is kept that had been made by a
// moment.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "order/store/uuid_bytes.h"
#include "tests/crash/crash_world.h"

namespace lockstep::order {

class Checker {
 public:
  Checker(const std::string& path, const Promises& promises, std::size_t moment)
      : promises_(promises), moment_(moment) {
    store::DatabaseOptions options;
    auto database = store::Database::Open(path, store::Mode::kReadWrite, options);
    if (!database.ok()) {
      Say("file", MessageOf(database.status()));
      return;
    }
    database_ = *std::move(database);
    CheckOrders();
    CheckInbox();
    CheckOutbox();
  }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void Say(const std::string& rule, const std::string& what) {
    violations_.push_back(rule + " at " + std::to_string(moment_) + ": " + what);
  }

  // Rows of SQL as texts; an error is a violation.
  std::vector<std::vector<std::string>> Rows(const std::string& sql, int columns) {
    std::vector<std::vector<std::string>> rows;
    store::Statement row = database_->Prepare(sql);
    while (row.Step()) {
      std::vector<std::string>& texts = rows.emplace_back();
      for (int i = 0; i < columns; ++i) texts.emplace_back(row.Text(i));
    }
    if (Status status = row.Finish(); !status.ok()) Say("file", MessageOf(status));
    return rows;
  }

  void None(const std::string& rule, const std::string& what, const std::string& sql) {
    const auto rows = Rows(sql, 1);
    if (!rows.empty()) Say(rule, std::to_string(rows.size()) + " " + what);
  }

  void CheckOrders() {
    std::map<std::string, std::string> kept;
    for (const auto& row : Rows("SELECT request_id, hex(order_id) FROM request_ids", 2))
      kept.emplace(row[0], row[1]);
    for (const auto& [request_id, promise] : promises_.orders) {
      if (promise.second > moment_) continue;
      const auto found = kept.find(request_id);
      if (found == kept.end()) Say("lost", request_id + " was acknowledged and is not there");
    }
    None("request-id", "request ids without their order",
         "SELECT request_ids.request_id FROM request_ids LEFT JOIN orders USING (order_id) WHERE "
         "orders.order_id IS NULL");
    CheckCommands();
    CheckStates();
  }

  // Each order's two commands are waiting, sent or given up.
  void CheckCommands() {
    std::map<std::string, int> commands;
    for (const auto& row : Rows("SELECT key FROM outbox", 1)) ++commands[row[0]];
    for (const auto& row : Rows("SELECT envelope FROM dead_letters", 1)) {
      Envelope envelope;
      if (!envelope.ParseFromString(row[0])) Say("file", "a dead letter is no envelope");
      ++commands[envelope.key()];
    }
    for (const auto& row : Rows("SELECT order_id FROM orders", 1)) {
      const std::string id = UuidText(row[0]);
      if (commands[id] != 2) {
        Say("outbox", id + " has " + std::to_string(commands[id]) + " of its 2 commands");
      }
    }
  }

  // Nobody refuses an order here: it is VALIDATED by both verdicts, or it has expired.
  void CheckStates() {
    std::map<std::string, std::string> events;
    store::Statement event = database_->Prepare("SELECT order_id, kind FROM order_feed");
    while (event.Step()) events[UuidText(event.Bytes(0))] += std::to_string(event.Int(1));
    if (Status status = event.Finish(); !status.ok()) Say("file", MessageOf(status));
    store::Statement row = database_->Prepare(
        "SELECT order_id, state, consumer_accepted IS NOT NULL AND restaurant_accepted IS NOT "
        "NULL, rejection_reasons FROM orders");
    while (row.Step()) {
      const std::string id = UuidText(row.Bytes(0));
      const auto state = static_cast<OrderState>(row.Int(1));
      if ((state == OrderState::kValidated) != row.Bool(2)) {
        Say("verdict",
            id + (row.Bool(2) ? " has both verdicts and is " : " lacks a verdict and is ") +
                std::string(StateName(state)));
      }
      if ((state == OrderState::kRejected) != (row.Text(3) == kValidationExpired)) {
        Say("expired", id + " is " + std::string(StateName(state)));
      }
      const std::string expected =
          state == OrderState::kPending ? "0" : "0" + std::to_string(static_cast<int>(state));
      if (events[id] != expected) Say("feed", id + " has events " + events[id]);
    }
    if (Status status = row.Finish(); !status.ok()) Say("file", MessageOf(status));
  }

  // A row of the inbox exactly with its effect, unless the order had expired; and the effect is
  // that of the answer that was given to this order's command.
  void CheckInbox() {
    std::set<std::string> heard;
    for (const auto& row : Rows("SELECT message_id FROM inbox", 1)) heard.insert(row[0]);
    for (const auto& [message_id, moment] : promises_.verdicts) {
      if (moment <= moment_ && !heard.contains(message_id)) Say("lost", "verdict " + message_id);
    }
    store::Statement row = database_->Prepare(
        "SELECT order_id, state, consumer_accepted IS NOT NULL, consumer_node, restaurant_accepted "
        "IS NOT NULL, restaurant_node FROM orders");
    while (row.Step()) {
      const std::string id = UuidText(row.Bytes(0));
      const bool expired = row.Int(1) == static_cast<int>(OrderState::kRejected);
      CheckVerdict("c-" + id, row.Bool(2), row.Text(3), expired, heard);
      CheckVerdict("r-" + id, row.Bool(4), row.Text(5), expired, heard);
    }
    if (Status status = row.Finish(); !status.ok()) Say("file", MessageOf(status));
  }

  void CheckVerdict(const std::string& answer, bool recorded, std::string_view by, bool expired,
                    const std::set<std::string>& heard) {
    const bool was_heard = heard.contains(answer);
    if (recorded != was_heard && !(was_heard && expired)) {
      Say("effect", answer + (recorded ? " has an effect and was not heard"
                                       : " was heard and has no effect"));
    }
    if (!recorded) return;
    const auto said = promises_.said.find(answer);
    if (by != answer) Say("said", answer + " is recorded as what " + std::string(by) + " says");
    if (said == promises_.said.end() || said->second > moment_) {
      Say("said", answer + " is recorded and was never said");
    }
  }

  // What is marked as sent has been taken.
  void CheckOutbox() {
    for (const auto& row : Rows("SELECT message_id FROM outbox WHERE sequence NOT IN (SELECT "
                                "sequence FROM outbox_waiting)",
                                1)) {
      const auto found = promises_.delivered.find(row[0]);
      if (found == promises_.delivered.end() || found->second > moment_)
        Say("sent", row[0] + " is marked and was not taken");
    }
  }

  const Promises& promises_;
  const std::size_t moment_;
  std::unique_ptr<store::Database> database_;
  std::vector<std::string> violations_;
};

}  // namespace lockstep::order
