// The power fails: at any moment of a run of orders, verdicts and deliveries, what is left on the
// disk (all that was synced, and any part of the rest) still keeps every promise.
//
// Order's own parts are under test, as they run in the server: store, mailbox, relay. Consumer and
// Restaurant are this test. Bugs can be planted, to see that each is caught.
//
// $LOCKSTEP_PREFIXES: how many moments, 1,000 unless set. $LOCKSTEP_SEED repeats a run's choices.
#include <cstdlib>
#include <deque>
#include <future>
#include <iostream>
#include <map>
#include <set>

#include "common/base/id.h"
#include "common/message/inbox.h"
#include "common/message/outbox.h"
#include "common/message/relay.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "order/checks/verdict_commands.h"
#include "order/service/message_desk.h"
#include "order/store/uuid_bytes.h"
#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"
#include "tests/support/recorded_disk.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {
namespace {

using message::v1::Envelope;
using test::RecordedDisk;
using test::TempDir;

enum class Bug {
  kNone,
  kNoSync,              // synchronous=OFF
  kAnswerBeforeCommit,  // acknowledged when it is submitted
  kOutboxApart,         // the commands in a second transaction
  kInboxApart,          // the inbox row after the effect, in a second transaction
  kRequestIdApart,      // the request id in a transaction before the order's
  kMarkedBeforeSent,    // the transport says "taken" and delivers later
};

std::uint64_t Number(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What has been promised, with the moment from which on it holds.
struct Promises {
  std::mutex mutex;
  std::map<std::string, std::pair<std::string, std::size_t>> orders;  // request id → id, moment
  std::map<std::string, std::size_t> verdicts;                        // message id → moment
  std::map<std::string, std::size_t> delivered;                       // message id → moment
};

// Consumer and Restaurant: take every command, and keep what is to be answered.
class Peers final : public message::Transport {
 public:
  Peers(const RecordedDisk& disk, Promises& promises, Bug bug)
      : disk_(disk), promises_(promises), bug_(bug) {}

  void Deliver(const std::string& /*destination*/, std::vector<Envelope> batch,
               Deadline /*deadline*/,
               AnyInvocable<void(StatusOr<std::vector<message::Taken>>)> done) override {
    const std::size_t count = batch.size();
    {
      const std::lock_guard lock(promises_.mutex);
      if (bug_ == Bug::kMarkedBeforeSent) {
        std::swap(batch, late_);
      }
      for (Envelope& envelope : batch) {
        promises_.delivered.emplace(envelope.message_id(), disk_.Now());
        commands_.push_back(std::move(envelope));
      }
    }
    done(std::vector<message::Taken>(count));
  }
  Status Knows(const std::string& /*destination*/) const override { return OkStatus(); }

  std::optional<Envelope> NextCommand() {
    const std::lock_guard lock(promises_.mutex);
    if (commands_.empty()) return std::nullopt;
    Envelope envelope = std::move(commands_.front());
    commands_.pop_front();
    return envelope;
  }

 private:
  const RecordedDisk& disk_;
  Promises& promises_;
  const Bug bug_;
  std::deque<Envelope> commands_;
  std::vector<Envelope> late_;
};

void SetMoney(std::int64_t units, money::v1::Money* out) {
  out->set_currency_code("GBP");
  out->set_units(units);
}

// An accepting answer to a command. Its id follows from the command's, so that an answer to a
// repeated command is the same message.
Envelope AnswerTo(const Envelope& command, WallTime now) {
  Envelope answer;
  const bool of_consumer = command.type() == "lockstep.consumer.v1.ValidateConsumerInfo";
  if (of_consumer) {
    consumer::v1::ValidateConsumerInfo asked;
    REQUIRE(asked.ParseFromString(command.payload()));
    consumer::v1::ConsumerValidated said;
    said.mutable_verdict()->set_order_id(asked.order_id());
    said.mutable_verdict()->set_consumer_id(asked.consumer_id());
    said.mutable_verdict()->set_accepted(true);
    SetMoney(1000, said.mutable_verdict()->mutable_order_limit());
    answer = message::MakeEnvelope(said, command.key(), command.correlation_id(), now);
  } else {
    restaurant::v1::ValidateOrderDetails asked;
    REQUIRE(asked.ParseFromString(command.payload()));
    restaurant::v1::OrderDetailsValidated said;
    said.mutable_verdict()->set_order_id(asked.order_id());
    said.mutable_verdict()->set_restaurant_id(asked.restaurant_id());
    said.mutable_verdict()->set_accepted(true);
    std::int64_t total = 0;
    for (const auto& wanted : asked.lines()) {
      auto* line = said.mutable_verdict()->add_lines();
      line->set_menu_item_id(wanted.menu_item_id());
      line->set_quantity(wanted.quantity());
      SetMoney(1, line->mutable_unit_price());
      SetMoney(wanted.quantity(), line->mutable_price());
      total += wanted.quantity();
    }
    SetMoney(total, said.mutable_verdict()->mutable_total());
    answer = message::MakeEnvelope(said, command.key(), command.correlation_id(), now);
  }
  answer.set_message_id((of_consumer ? "c-" : "r-") + command.key());
  return answer;
}

Order PendingOrder(int nth, WallTime now) {
  NewOrder asked = SampleOrder();
  asked.request_id = "request-" + std::to_string(nth);
  Placement placement(NewId(now), std::move(asked));
  placement.ConsumerSaysLater();
  placement.RestaurantSaysLater();
  return std::move(placement).Conclude(Style::kDeferred, now, now).value();
}

// Order, as it runs, on a recorded disk.
class World {
 public:
  explicit World(Bug bug) : bug_(bug) {
    OrderStoreOptions options;
    if (bug == Bug::kNoSync) options.durability = store::Durability::kOff;
    store_ = SqliteOrderStore::Open(path(), options).value();
    desk_.emplace(*store_);
    mailbox_.emplace(store_->file(), faults_, desk_->handlers());
    disk_.Record(path());
    relay_.emplace(store_->file(), peers_);
    relay_->Start();
  }
  ~World() { Stop(); }

  void Stop() {
    if (!relay_) return;
    relay_->Stop();
    relay_.reset();
    store_->Stop();
    disk_.StopRecording();
  }

  std::string path() const { return directory_.File("order.db"); }
  RecordedDisk& disk() { return disk_; }
  Promises& promises() { return promises_; }

  void Place(int nth) {
    const WallTime now = Clock::Real().WallNow();
    const auto order = std::make_shared<const Order>(PendingOrder(nth, now));
    const auto acknowledge = [this, order] {
      const std::lock_guard lock(promises_.mutex);
      promises_.orders.emplace(order->request_id, std::pair(order->order_id, disk_.Now()));
    };
    if (bug_ == Bug::kAnswerBeforeCommit) acknowledge();
    if (bug_ == Bug::kRequestIdApart) {
      Write([order](store::Database& database) {
        return InsertRequestId(database, *order, "f").status();
      });
      Order without = *order;
      without.request_id.clear();
      Write([without](store::Database& database) { return InsertOrder(database, without); });
      return;
    }
    ++under_way_;
    store_->Insert(order, "f", bug_ == Bug::kOutboxApart ? nullptr : &commands_, Deadline::Never(),
                   [this, order, acknowledge](const InsertResult& result) {
                     if (result.status.ok() && bug_ != Bug::kAnswerBeforeCommit) acknowledge();
                     --under_way_;
                   });
    if (bug_ == Bug::kOutboxApart) {
      Write([this, order](store::Database& database) { return commands_.Write(database, *order); });
    }
  }

  // Answers one command, where there is one.
  bool Answer() {
    const std::optional<Envelope> command = peers_.NextCommand();
    if (!command) return false;
    const WallTime now = Clock::Real().WallNow();
    Envelope answer = AnswerTo(*command, now);
    const auto taken = [this, id = answer.message_id()] {
      const std::lock_guard lock(promises_.mutex);
      promises_.verdicts.emplace(id, disk_.Now());
    };
    if (bug_ == Bug::kInboxApart) {
      Write([this, answer, now](store::Database& database) {
        return desk_->handlers().at(answer.type())(database, answer, now).status;
      });
      Write([answer, now](store::Database& database) {
        return message::EnterIntoInbox(database, answer.message_id(), now).status();
      });
      return true;
    }
    ++under_way_;
    mailbox_->Take({std::move(answer)}, Deadline::Never(),
                   [this, taken](const std::vector<message::Taken>& outcomes) {
                     if (outcomes.at(0).status.ok()) taken();
                     --under_way_;
                   });
    return true;
  }

  int under_way() const { return under_way_; }

 private:
  void Write(AnyInvocable<Status(store::Database&)> work) {
    ++under_way_;
    store_->file().writer().Submit(std::move(work), Deadline::Never(),
                                   [this](const store::CommitResult&) { --under_way_; });
  }

  const Bug bug_;
  TempDir directory_;
  RecordedDisk disk_;
  Promises promises_;
  fault::Injector faults_;
  const VerdictCommands commands_;
  Peers peers_{disk_, promises_, bug_};
  std::atomic<int> under_way_ = 0;
  std::unique_ptr<SqliteOrderStore> store_;
  std::optional<MessageDesk> desk_;
  std::optional<message::Mailbox> mailbox_;
  std::optional<message::Relay> relay_;
};

// Places orders and answers commands, with no more under way than a small server has.
void Run(World& world, int orders, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto until = Clock::Real().Now() + std::chrono::seconds(60);
  int placed = 0;
  while (placed < orders) {
    LOCKSTEP_CHECK(Clock::Real().Now() < until);
    if (world.under_way() > 12) {
      std::this_thread::yield();
      continue;
    }
    if (random() % 3 == 0) {
      world.Place(placed++);
    } else {
      world.Answer();
    }
  }
  while (world.under_way() > 0) std::this_thread::yield();
}

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
    std::map<std::string, int> commands;
    for (const auto& row : Rows("SELECT key FROM outbox", 1)) ++commands[row[0]];
    std::map<std::string, std::string> events;
    store::Statement event = database_->Prepare("SELECT order_id, kind FROM order_feed");
    while (event.Step()) events[UuidText(event.Bytes(0))] += std::to_string(event.Int(1));
    if (Status status = event.Finish(); !status.ok()) Say("file", MessageOf(status));
    store::Statement row = database_->Prepare(
        "SELECT order_id, state, consumer_accepted IS NOT NULL AND restaurant_accepted IS NOT NULL "
        "FROM orders");
    while (row.Step()) {
      const std::string id = UuidText(row.Bytes(0));
      const bool validated = row.Int(1) == static_cast<int>(OrderState::kValidated);
      if (commands[id] != 2) Say("outbox", id + " has not both of its commands");
      if (validated != row.Bool(2)) Say("verdict", id + " is VALIDATED without both verdicts");
      if (events[id] != (validated ? "01" : "0")) Say("feed", id + " has events " + events[id]);
    }
    if (Status status = row.Finish(); !status.ok()) Say("file", MessageOf(status));
  }

  // A row of the inbox exactly with its effect.
  void CheckInbox() {
    std::set<std::string> heard;
    for (const auto& row : Rows("SELECT message_id FROM inbox", 1)) heard.insert(row[0]);
    for (const auto& [message_id, moment] : promises_.verdicts) {
      if (moment <= moment_ && !heard.contains(message_id)) Say("lost", "verdict " + message_id);
    }
    store::Statement row = database_->Prepare(
        "SELECT order_id, consumer_accepted IS NOT NULL, restaurant_accepted IS NOT NULL FROM "
        "orders");
    while (row.Step()) {
      const std::string id = UuidText(row.Bytes(0));
      if (heard.contains("c-" + id) != row.Bool(1)) Say("effect", "verdict of Consumer on " + id);
      if (heard.contains("r-" + id) != row.Bool(2)) Say("effect", "verdict of Restaurant on " + id);
    }
    if (Status status = row.Finish(); !status.ok()) Say("file", MessageOf(status));
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

std::vector<std::size_t> Moments(std::size_t end, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::size_t> moments;
  for (std::size_t i = 0; i < count; ++i) moments.push_back(random() % (end + 1));
  std::sort(moments.begin(), moments.end());
  return moments;
}

// How many of the cuts left something that breaks a promise; the first such says how.
int BrokenCuts(World& world, std::size_t cuts, std::uint64_t seed, std::string& first) {
  const TempDir directory;
  const std::string path = directory.File("order.db");
  int broken = 0;
  const auto judge = [&](std::size_t moment, const RecordedDisk::Image& image) {
    std::filesystem::remove(path + "-shm");
    RecordedDisk::Write(image, path);
    const Checker checker(path, world.promises(), moment);
    if (checker.violations().empty()) return;
    if (++broken == 1) first = checker.violations().front();
  };
  world.disk().CutAt(Moments(world.disk().Now(), cuts, seed), seed, judge);
  return broken;
}

TEST_CASE("whenever the power fails, every promise is kept") {
  const std::uint64_t seed = Number("LOCKSTEP_SEED", std::random_device()());
  const std::size_t cuts = Number("LOCKSTEP_PREFIXES", 1000);
  World world(Bug::kNone);
  Run(world, 150, seed);
  world.Stop();
  std::string first;
  const int broken = BrokenCuts(world, cuts, seed, first);
  std::cout << "seed " << seed << ": " << cuts << " power cuts in " << world.disk().Now()
            << " steps of the disk, " << world.promises().orders.size() << " orders, "
            << world.promises().verdicts.size() << " verdicts, " << broken << " violations\n";
  INFO("seed " << seed << ": " << first);
  REQUIRE(broken == 0);
}

TEST_CASE("planted bugs are found by power cuts") {
  const auto [bug, name] = GENERATE(
      table<Bug, const char*>({{Bug::kNoSync, "synchronous=OFF"},
                               {Bug::kAnswerBeforeCommit, "answer before commit"},
                               {Bug::kOutboxApart, "outbox row in a second transaction"},
                               {Bug::kInboxApart, "inbox row after the effect"},
                               {Bug::kRequestIdApart, "request id outside the transaction"},
                               {Bug::kMarkedBeforeSent, "marked before it is sent"}}));
  INFO(name);
  World world(bug);
  Run(world, 40, 7);
  world.Stop();
  std::string first;
  const int broken = BrokenCuts(world, 300, 7, first);
  std::cout << name << ": " << broken << " of 300 power cuts; " << first << "\n";
  REQUIRE(broken > 0);
}

// What was acknowledged while a call failed is there when the disk is well again.
TEST_CASE(
    "whichever call to the disk fails, nothing acknowledged is lost and nothing is half done") {
  const auto failure = GENERATE(RecordedDisk::Failure::kIoError, RecordedDisk::Failure::kFull,
                                RecordedDisk::Failure::kShortWrite);
  int failed = 0;
  for (std::int64_t nth = 1; nth <= 200; nth += 3) {
    World world(Bug::kNone);
    world.disk().FailAt(nth + static_cast<std::int64_t>(failure), failure);
    Run(world, 40, static_cast<std::uint64_t>(nth));
    failed += world.disk().failed() ? 1 : 0;
    world.disk().FailAt(0, failure);
    world.Stop();
    // The files as they are: nobody cut the power.
    const Checker checker(world.path(), world.promises(), world.disk().Now());
    INFO("call " << nth << ": "
                 << (checker.violations().empty() ? "" : checker.violations().front()));
    REQUIRE(checker.violations().empty());
  }
  REQUIRE(failed > 50);
}

}  // namespace
}  // namespace lockstep::order
