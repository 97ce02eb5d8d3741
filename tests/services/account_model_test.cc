// Random commands from a seed against a simple model: after each of them every account is what the
// model says, no money is above what it may be, and the ledger adds up to zero, to the balances and
// to the points.
#include <map>
#include <random>

#include "common/store/transaction.h"
#include "consumer/store/account_table.h"
#include "consumer/store/consumer_table.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace lockstep::consumer {
namespace {

using State = PaymentState;
constexpr WallTime kNow = WallTime(std::chrono::hours(480'000));
const std::vector<std::string> kConsumers = {"ann", "bob", "cyd"};

Money Pounds(std::int64_t units) { return Money::Make("GBP", units, 0).value(); }

// What each consumer and each order has, said in the plainest way.
struct Model {
  struct Order {
    State state = State::kUnspecified;
    std::string consumer;
    std::int64_t amount = 0;
    std::int64_t points = 0;
    bool awarded = false;
    bool revoked = false;
  };
  std::map<std::string, std::int64_t> deposited;
  std::map<std::string, std::int64_t> credit;
  std::map<std::string, Order> orders;

  std::int64_t In(State state, const std::string& consumer) const {
    std::int64_t sum = 0;
    for (const auto& [id, order] : orders) {
      if (order.consumer == consumer && order.state == state) sum += order.amount;
    }
    return sum;
  }
  std::int64_t Balance(const std::string& consumer) const {
    return deposited.at(consumer) - In(State::kCaptured, consumer);
  }
  std::int64_t Available(const std::string& consumer) const {
    return Balance(consumer) + credit.at(consumer) - In(State::kAuthorized, consumer);
  }
  std::int64_t Points(const std::string& consumer) const {
    std::int64_t sum = 0;
    for (const auto& [id, order] : orders) {
      if (order.consumer == consumer && order.awarded && !order.revoked) sum += order.points;
    }
    return sum;
  }
};

std::string Reason(const Status& status) { return status.ok() ? "OK" : DetailOf(status).reason; }

class Sequence {
 public:
  explicit Sequence(unsigned seed) : random_(seed) {
    auto database = store::OpenWithSchema(dir_.File("c.db"), ConsumerTable::kSchema);
    REQUIRE(database.ok());
    database_ = *std::move(database);
    for (const std::string& consumer : kConsumers) {
      Consumer record;
      record.consumer_id = consumer;
      record.display_name = consumer;
      record.order_limit = Pounds(1);
      record = Begin(record, kNow);
      const std::int64_t credit = Upto(50);
      InTransaction([&] { return ConsumerTable::Write(*database_, nullptr, record); });
      CHECK(Said(OpenRequest{consumer, Pounds(credit)}) == "OK");
      model_.deposited[consumer] = 0;
      model_.credit[consumer] = credit;
    }
  }

  void Step() {
    // One consumer an order, but for a few requests that have it wrong.
    const int nth = Upto(60);
    const std::string order = "o" + std::to_string(nth);
    const std::string consumer = kConsumers[static_cast<std::size_t>(nth) % 3];
    const int command = Upto(15);
    if (command < 5) {
      Authorize(order, consumer);
    } else if (command < 8) {
      Capture(order, consumer);
    } else if (command < 10) {
      Void(order, consumer);
    } else if (command < 13) {
      AwardPoints(order, consumer);
    } else if (command == 13) {
      Revoke(order, consumer);
    } else {
      Deposit(consumer);
    }
    Compare();
  }

 private:
  int Upto(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }

  template <typename Work>
  void InTransaction(Work work) {
    auto transaction = store::Transaction::Begin(*database_);
    REQUIRE(transaction.ok());
    const Status status = work();
    INFO(MessageOf(status));
    REQUIRE(status.ok());
    REQUIRE(transaction->Commit().ok());
  }

  template <typename Request>
  std::string Said(const Request& request) {
    std::string said;
    InTransaction([&] {
      const auto done = Carried(request);
      if (done.ok()) said = Reason(done->refusal);
      return done.status();
    });
    return said;
  }
  template <typename Request>
  auto Carried(const Request& request) {
    return Carry(*database_, request, kNow);
  }
  auto Carried(const AuthorizeRequest& request) {
    return Carry(*database_, request, std::nullopt, kNow);
  }

  void Authorize(const std::string& id, const std::string& consumer) {
    Model::Order& order = model_.orders[id];
    const bool repeat = order.amount > 0 && Upto(5) > 0;
    const std::int64_t amount = repeat ? order.amount : 1 + Upto(20);
    std::string expected = "OK";
    if (order.amount > 0 && amount != order.amount) {
      expected = "PAYMENT_ID_REUSED";
    } else if (order.state == State::kVoided) {
      expected = "PAYMENT_VOIDED";
    } else if (order.state == State::kUnspecified) {
      if (amount <= model_.Available(consumer)) {
        order.state = State::kAuthorized;
        order.consumer = consumer;
        order.amount = amount;
      } else {
        expected = "INSUFFICIENT_FUNDS";
      }
    }
    CHECK(Said(AuthorizeRequest{id, consumer, Pounds(amount)}) == expected);
  }

  void Capture(const std::string& id, const std::string& consumer) {
    Model::Order& order = model_.orders[id];
    std::string expected = "OK";
    if (order.state == State::kUnspecified) {
      expected = "PAYMENT_UNKNOWN";
    } else if (order.state == State::kVoided) {
      expected = "PAYMENT_VOIDED";
    } else {
      order.state = State::kCaptured;
    }
    CHECK(Said(CaptureRequest{id, consumer}) == expected);
  }

  void Void(const std::string& id, const std::string& consumer) {
    Model::Order& order = model_.orders[id];
    const bool after_capture = Upto(1) == 1;
    const bool refused = order.state == State::kCaptured && !after_capture;
    if (!refused) {
      if (order.awarded && order.state != State::kVoided) order.revoked = true;
      order.state = State::kVoided;
    }
    CHECK(Said(VoidRequest{id, consumer, after_capture}) == (refused ? "PAYMENT_CAPTURED" : "OK"));
  }

  void AwardPoints(const std::string& id, const std::string& consumer) {
    Model::Order& order = model_.orders[id];
    const std::int64_t points = order.awarded && Upto(9) > 0 ? order.points : 1 + Upto(20);
    std::string expected = "OK";
    if (order.awarded && !order.revoked && points != order.points) {
      expected = "AWARD_ID_REUSED";
    } else if (!order.awarded && !order.revoked && order.state != State::kVoided) {
      order.awarded = true;
      order.points = points;
      order.consumer = consumer;
    }
    CHECK(Said(AwardRequest{id, consumer, Pounds(points)}) == expected);
  }

  void Revoke(const std::string& id, const std::string& consumer) {
    model_.orders[id].revoked = true;
    CHECK(Said(RevokeRequest{id, consumer}) == "OK");
  }

  void Deposit(const std::string& consumer) {
    const std::string id = "d" + std::to_string(Upto(400));
    const std::int64_t amount = 1 + Upto(30);
    std::string expected = "OK";
    const auto [made, fresh] = deposits_.emplace(id, std::pair(consumer, amount));
    if (fresh) {
      model_.deposited[consumer] += amount;
    } else if (made->second != std::pair(consumer, amount)) {
      expected = "DEPOSIT_ID_REUSED";
    }
    CHECK(Said(DepositRequest{id, consumer, Pounds(amount)}) == expected);
  }

  void Compare() {
    std::map<std::string, std::int64_t> ledger;
    std::map<std::string, std::int64_t> of_unit;
    const auto sums = ReadLedgerSums(*database_, 0, 1000);
    REQUIRE(sums.ok());
    for (const LedgerSum& sum : *sums) {
      ledger[sum.ledger_account] = sum.sum;
      of_unit[sum.unit] += sum.sum;
    }
    for (const auto& [unit, sum] : of_unit) REQUIRE(sum == 0);
    std::int64_t captured = 0;
    for (const std::string& consumer : kConsumers) {
      INFO(consumer);
      const auto account = FindAccount(*database_, consumer);
      REQUIRE(account.ok());
      REQUIRE(account->has_value());
      REQUIRE((*account)->balance == Pounds(model_.Balance(consumer)));
      REQUIRE((*account)->held == Pounds(model_.In(State::kAuthorized, consumer)));
      REQUIRE((*account)->points == model_.Points(consumer));
      REQUIRE((*account)->paid == Pounds(model_.In(State::kAuthorized, consumer) +
                                         model_.In(State::kCaptured, consumer)));
      REQUIRE((*account)->Available().total_nanos() >= 0);
      const std::string name = "consumer:" + consumer;
      REQUIRE(ledger[name + ":held"] == (*account)->held.total_nanos());
      REQUIRE(ledger[name + ":available"] + ledger[name + ":held"] ==
              (*account)->balance.total_nanos());
      REQUIRE(ledger[name + ":points"] == (*account)->points);
      captured += model_.In(State::kCaptured, consumer);
    }
    REQUIRE(ledger["sales"] == Pounds(captured).total_nanos());
    store::Statement unbalanced = database_->Prepare(
        "SELECT count(*) FROM (SELECT 1 FROM ledger GROUP BY movement, time, "
        "unit HAVING sum(amount) <> 0)");
    REQUIRE(unbalanced.Step());
    REQUIRE(unbalanced.Int(0) == 0);
    REQUIRE(unbalanced.Finish().ok());
  }

  std::mt19937 random_;
  lockstep::test::TempDir dir_;
  std::unique_ptr<store::Database> database_;
  Model model_;
  std::map<std::string, std::pair<std::string, std::int64_t>> deposits_;
};

TEST_CASE(
    "balances, points and the ledger are what a simple model says after each of any commands") {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    Sequence sequence(seed);
    for (int step = 0; step < 300; ++step) {
      INFO("seed " << seed << ", step " << step);
      sequence.Step();
    }
  }
}

}  // namespace
}  // namespace lockstep::consumer
