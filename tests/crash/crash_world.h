// Order as it runs, on a recorded disk, with this test as Consumer and Restaurant. Some questions
// are refused until they are given up, some are answered late, and orders that wait too long
// expire.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/id.h"
#include "common/message/inbox.h"
#include "common/message/outbox.h"
#include "common/message/relay.h"
#include "lockstep/consumer/v1/consumer.pb.h"
#include "lockstep/restaurant/v1/restaurant.pb.h"
#include "order/checks/verdict_commands.h"
#include "order/service/message_desk.h"
#include "order/store/rows.h"
#include "tests/crash/crash_bugs.h"
#include "tests/domain/order/sample.h"
#include "tests/support/catch.h"
#include "tests/support/recorded_disk.h"
#include "tests/support/temp_dir.h"

namespace lockstep::order {

using message::v1::Envelope;
using test::RecordedDisk;
using test::TempDir;

// What has been promised, with the moment from which on it holds.
struct Promises {
  std::mutex mutex;
  std::map<std::string, std::pair<std::string, std::size_t>> orders;  // request id → id, moment
  std::map<std::string, std::size_t> said;                            // message id → moment
  std::map<std::string, std::size_t> verdicts;                        // message id → moment
  std::map<std::string, std::size_t> delivered;                       // message id → moment
};

inline bool IsOfConsumer(const Envelope& command) {
  return command.type() == "lockstep.consumer.v1.ValidateConsumerInfo";
}

// Consumer and Restaurant: they take commands, and keep what is to be answered. Consumer refuses
// every question on one order of four.
class Peers final : public message::Transport {
 public:
  Peers(const RecordedDisk& disk, Promises& promises, Bug bug)
      : disk_(disk), promises_(promises), bug_(bug) {}

  void Deliver(const std::string& /*destination*/, std::vector<Envelope> batch,
               Deadline /*deadline*/,
               AnyInvocable<void(StatusOr<std::vector<message::Taken>>)> done) override {
    std::vector<message::Taken> outcomes(batch.size());
    {
      const std::lock_guard lock(promises_.mutex);
      for (const Envelope& envelope : batch) seen_.insert(envelope.message_id());
      if (bug_ == Bug::kMarkedBeforeSent) {
        std::swap(batch, late_);
      }
      for (std::size_t i = 0; i < batch.size(); ++i) {
        Envelope& envelope = batch[i];
        if (Refuses(envelope)) {
          outcomes[i].status = MakeError(StatusCode::kFailedPrecondition, "NO", "not this one");
          continue;
        }
        promises_.delivered.emplace(envelope.message_id(), disk_.Now());
        commands_.push_back(std::move(envelope));
      }
    }
    done(std::move(outcomes));
  }
  Status Knows(const std::string& /*destination*/) const override { return OkStatus(); }

  // Whether commands have come, and are answered, about as fast as orders are acknowledged.
  bool KeepUp() {
    const std::lock_guard lock(promises_.mutex);
    return commands_.size() < kOpen && 2 * promises_.orders.size() < seen_.size() + kOpen;
  }

  std::optional<Envelope> NextCommand() {
    const std::lock_guard lock(promises_.mutex);
    // One of four waits until others have waited after it.
    if (!commands_.empty() && ++asked_ % 4 == 0) {
      held_.push_back(std::move(commands_.front()));
      commands_.pop_front();
    }
    std::deque<Envelope>& from = held_.size() > kHeld ? held_ : commands_;
    if (from.empty()) return std::nullopt;
    Envelope envelope = std::move(from.front());
    from.pop_front();
    return envelope;
  }

 private:
  static constexpr std::size_t kHeld = 8;
  static constexpr std::size_t kOpen = 16;  // commands on their way: fewer than orders expire after

  bool Refuses(const Envelope& command) const {
    constexpr std::string_view kRefused = "048c";  // last digits of orders' ids
    return bug_ != Bug::kMarkedBeforeSent && IsOfConsumer(command) &&
           kRefused.find(command.key().back()) != std::string_view::npos;
  }

  const RecordedDisk& disk_;
  Promises& promises_;
  const Bug bug_;
  std::deque<Envelope> commands_;
  std::deque<Envelope> held_;
  std::set<std::string> seen_;  // message ids
  int asked_ = 0;
  std::vector<Envelope> late_;
};

inline void SetMoney(std::int64_t units, money::v1::Money* out) {
  out->set_currency_code("GBP");
  out->set_units(units);
}

// An accepting answer to a command. Its id follows from the command's, so that an answer to a
// repeated command is the same message; as its node stands in the order, so that it is seen there
// which answer it was.
inline Envelope AnswerTo(const Envelope& command, WallTime now) {
  Envelope answer;
  const bool of_consumer = IsOfConsumer(command);
  const std::string id = (of_consumer ? "c-" : "r-") + command.key();
  if (of_consumer) {
    consumer::v1::ValidateConsumerInfo asked;
    REQUIRE(asked.ParseFromString(command.payload()));
    consumer::v1::ConsumerValidated said;
    said.mutable_verdict()->set_order_id(asked.order_id());
    said.mutable_verdict()->set_consumer_id(asked.consumer_id());
    said.mutable_verdict()->set_accepted(true);
    said.mutable_verdict()->set_node(id);
    SetMoney(1000, said.mutable_verdict()->mutable_order_limit());
    answer = message::MakeEnvelope(said, command.key(), command.correlation_id(), now);
  } else {
    restaurant::v1::ValidateOrderDetails asked;
    REQUIRE(asked.ParseFromString(command.payload()));
    restaurant::v1::OrderDetailsValidated said;
    said.mutable_verdict()->set_order_id(asked.order_id());
    said.mutable_verdict()->set_restaurant_id(asked.restaurant_id());
    said.mutable_verdict()->set_accepted(true);
    said.mutable_verdict()->set_node(id);
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
  answer.set_message_id(id);
  return answer;
}

inline Order PendingOrder(int nth, WallTime now) {
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
    mailbox_.emplace(store_->file(), faults_, Planted(bug, desk_->handlers()));
    if (bug == Bug::kDeadLetterDropped) Plant(kDropDeadLetters);
    disk_.Record(path());
    message::RelayOptions relay_options;
    relay_options.attempts_max = 2;
    relay_options.backoff_min = relay_options.backoff_max = std::chrono::milliseconds(2);
    relay_.emplace(store_->file(), peers_, relay_options);
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
    placed_.push_back(now);
    const auto order = std::make_shared<const Order>(PendingOrder(nth, now));
    const auto acknowledge = [this, order] {
      const std::lock_guard lock(promises_.mutex);
      promises_.orders.emplace(order->request_id, std::pair(order->order_id, disk_.Now()));
    };
    if (bug_ == Bug::kAnswerBeforeCommit) acknowledge();
    if (bug_ == Bug::kRequestIdApart) {
      Order without = *order;
      without.request_id.clear();
      Write(
          [order](store::Database& database) {
            return InsertRequestId(database, *order, "f").status();
          },
          [this, without](store::Database& database) {
            const Status status = InsertOrder(database, without);
            return status.ok() ? commands_.Write(database, without) : status;
          });
      return;
    }
    if (bug_ == Bug::kOutboxApart) {
      Write(
          [order](store::Database& database) {
            const Status status = InsertRequestId(database, *order, "f").status();
            return status.ok() ? InsertOrder(database, *order) : status;
          },
          [this, order](store::Database& database) { return commands_.Write(database, *order); });
      return;
    }
    ++under_way_;
    store_->Insert(order, "f", &commands_, Deadline::Never(),
                   [this, order, acknowledge](const InsertResult& result) {
                     if (result.status.ok() && bug_ != Bug::kAnswerBeforeCommit) acknowledge();
                     --under_way_;
                   });
  }

  // Answers one command, where there is one.
  bool Answer() {
    const std::optional<Envelope> command = peers_.NextCommand();
    if (!command) return false;
    const WallTime now = Clock::Real().WallNow();
    Envelope answer = AnswerTo(*command, now);
    {
      const std::lock_guard lock(promises_.mutex);
      promises_.said.emplace(answer.message_id(), disk_.Now());
    }
    const auto taken = [this, id = answer.message_id()] {
      const std::lock_guard lock(promises_.mutex);
      promises_.verdicts.emplace(id, disk_.Now());
    };
    if (bug_ == Bug::kInboxApart) {
      Write(
          [this, answer, now](store::Database& database) {
            return desk_->handlers().at(answer.type())(database, answer, now).status;
          },
          [answer, now](store::Database& database) {
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

  // Ends the orders that have waited until so many were placed after them.
  void Expire(std::size_t overtaken) {
    if (placed_.size() <= overtaken) return;
    const WallTime before = placed_[placed_.size() - 1 - overtaken];
    const WallTime now = Clock::Real().WallNow();
    ++under_way_;
    if (bug_ == Bug::kTimeOutAccepts) {
      store_->file().writer().Submit(
          [before, now](store::Database& database) { return AcceptOverdue(database, before, now); },
          Deadline::Never(), [this](const store::CommitResult&) { --under_way_; });
      return;
    }
    store_->ExpirePending(before, now, [this](const StatusOr<int>& count) {
      expired_ += count.value_or(0);
      --under_way_;
    });
  }

  // What has happened beside orders and verdicts in time.
  int expired() const { return expired_; }
  std::int64_t late() const { return desk_->counts().late; }
  std::int64_t given_up() const { return relay_->counts().dead; }

  // Else orders expire on a slow machine before anybody could have answered.
  bool MayPlace() { return peers_.KeepUp(); }

  int under_way() const { return under_way_; }

 private:
  using Work = AnyInvocable<Status(store::Database&)>;

  void Plant(const char* sql) {
    std::promise<Status> done;
    store_->file().writer().Submit(
        [sql](store::Database& database) { return database.Execute(sql); }, Deadline::Never(),
        [&done](const store::CommitResult& result) { done.set_value(result.status); });
    REQUIRE(done.get_future().get().ok());
  }

  // The one, and when it is committed the other: two transactions.
  void Write(Work work, Work then) {
    ++under_way_;
    store_->file().writer().Submit(
        std::move(work), Deadline::Never(),
        [this, then = std::move(then)](const store::CommitResult&) mutable {
          store_->file().writer().Submit(std::move(then), Deadline::Never(),
                                         [this](const store::CommitResult&) { --under_way_; });
        });
  }

  const Bug bug_;
  TempDir directory_;
  RecordedDisk disk_;
  Promises promises_;
  fault::Injector faults_;
  const VerdictCommands commands_;
  Peers peers_{disk_, promises_, bug_};
  std::vector<WallTime> placed_;
  std::atomic<int> under_way_ = 0;
  std::atomic<int> expired_ = 0;
  std::unique_ptr<SqliteOrderStore> store_;
  std::optional<MessageDesk> desk_;
  std::optional<message::Mailbox> mailbox_;
  std::optional<message::Relay> relay_;
};

// Places orders, the first with this number, answers commands and ends orders that have waited too
// long, with no more under way than a small server has.
inline void Run(World& world, int orders, std::uint64_t seed, int first = 0) {
  std::mt19937_64 random(seed);
  const auto until = Clock::Real().Now() + std::chrono::seconds(60);
  int placed = first;
  while (placed < first + orders) {
    LOCKSTEP_CHECK(Clock::Real().Now() < until);
    if (world.under_way() > 12) {
      std::this_thread::yield();
      continue;
    }
    if (random() % 3 == 0 && world.MayPlace()) {
      world.Place(placed++);
      if (placed % 5 == 0) world.Expire(12 + random() % 12);
    } else if (!world.Answer()) {
      std::this_thread::yield();
    }
  }
  while (world.under_way() > 0) std::this_thread::yield();
}

}  // namespace lockstep::order
