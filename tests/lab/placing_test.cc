// Placing orders against a service that the test plays: what is repeated, what is counted, what is
// left.
#include "lab/placing.h"

#include <mutex>
#include <set>

#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

Answer Accepted(bool is_duplicate = false) {
  Answer answer;
  auto* order = answer.response.mutable_order();
  order->mutable_total()->set_currency_code("GBP");
  order->mutable_total()->set_units(10);
  order->add_lines()->set_quantity(3);
  answer.receipt.emplace().set_duplicate(is_duplicate);
  return answer;
}

Answer Error(StatusCode code, std::string reason) {
  Answer answer;
  answer.status = MakeError(code, std::move(reason), "as the test has it");
  return answer;
}

// Answers at once, by a function of the request and of how often it came.
class PlayedCaller final : public OrderCaller {
 public:
  using Play = std::function<Answer(const std::string& request_id, int attempt)>;
  explicit PlayedCaller(Play play) : play_(std::move(play)) {}
  void Place(const order::v1::CreateOrderRequest& request, Deadline,
             AnyInvocable<void(Answer)> done) override {
    const int attempt = ++attempts[request.request_id()];
    done(play_(request.request_id(), attempt));
  }
  std::map<std::string, int> attempts;

 private:
  Play play_;
};

std::vector<PlannedOrder> Plan(int count) {
  std::vector<PlannedOrder> plan(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    plan[static_cast<std::size_t>(i)].request.set_request_id(std::to_string(i));
  }
  return plan;
}

PlacingOptions Quick() {
  PlacingOptions options;
  options.in_flight = 3;
  options.give_up_after = 10s;
  options.backoff_least = 1ms;
  return options;
}

TEST_CASE("each order is placed once, and outcomes, portions and amounts are counted") {
  const auto plan = Plan(20);
  PlayedCaller caller([](const std::string& id, int) {
    if (id == "3") return Error(StatusCode::kFailedPrecondition, "CONSUMER_SUSPENDED");
    if (id == "4") return Error(StatusCode::kInternal, "DOWNSTREAM_FAILED");
    return Accepted(id == "5");
  });
  Watch watch;
  const PlacingOptions options = Quick();
  Placing placing(plan, options, caller, watch);
  const Figures figures = placing.Run();
  REQUIRE(figures.orders == 20);
  REQUIRE(figures.accepted == 18);
  REQUIRE(figures.accepted_before == 1);
  REQUIRE(figures.refused == std::map<std::string, std::int64_t>{{"CONSUMER_SUSPENDED", 1}});
  REQUIRE(figures.failed_in_all() == 1);
  REQUIRE(figures.unknown_in_all() == 0);
  REQUIRE(figures.portions == 54);
  REQUIRE(figures.AmountText() == "180.00 GBP");
  REQUIRE(figures.repeats == 0);
  REQUIRE(figures.latencies.size() == 20);
  REQUIRE(figures.accepted_latencies.size() == 18);
  REQUIRE(figures.other_latencies.size() == 2);
  REQUIRE(caller.attempts.size() == 20);
  REQUIRE_FALSE(placing.accepted()[3]);
  REQUIRE(placing.accepted()[5]);
}

TEST_CASE("an unknown outcome is repeated with the same request id until it is known") {
  const auto plan = Plan(4);
  PlayedCaller caller([](const std::string& id, int attempt) {
    if (id == "1" && attempt < 4) return Error(StatusCode::kUnavailable, "PEER_UNREACHABLE");
    if (id == "2" && attempt < 3) return Error(StatusCode::kDeadlineExceeded, "");
    if (id == "3" && attempt < 2) return Error(StatusCode::kUnknown, "");  // the way there broke
    return Accepted(attempt > 1);
  });
  Watch watch;
  const PlacingOptions options = Quick();
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(figures.accepted == 4);
  REQUIRE(figures.repeats == 3 + 2 + 1);
  REQUIRE(caller.attempts.at("1") == 4);
  REQUIRE(figures.codes == std::map<std::string, std::int64_t>{{"OK", 4}});  // the last answers
}

TEST_CASE("what stays unknown is given up and counted as such, a refusal is never repeated") {
  const auto plan = Plan(2);
  PlayedCaller caller([](const std::string& id, int) {
    if (id == "0") return Error(StatusCode::kUnavailable, "PEER_UNREACHABLE");
    return Error(StatusCode::kFailedPrecondition, "RESTAURANT_CLOSED");
  });
  Watch watch;
  PlacingOptions options = Quick();
  options.give_up_after = 20ms;
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(figures.unknown == std::map<std::string, std::int64_t>{{"UNAVAILABLE", 1}});
  REQUIRE(figures.repeats >= 1);
  REQUIRE(caller.attempts.at("1") == 1);
  REQUIRE(figures.settled() == 1);
}

TEST_CASE("without a time to give up nothing is repeated") {
  const auto plan = Plan(3);
  PlayedCaller caller(
      [](const std::string&, int) { return Error(StatusCode::kResourceExhausted, "POOL_FULL"); });
  Watch watch;
  PlacingOptions options = Quick();
  options.give_up_after = 0s;
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(figures.repeats == 0);
  REQUIRE(figures.codes == std::map<std::string, std::int64_t>{{"RESOURCE_EXHAUSTED", 3}});
}

// Keeps what it is asked until the test answers.
class HeldCaller final : public OrderCaller {
 public:
  void Place(const order::v1::CreateOrderRequest&, Deadline,
             AnyInvocable<void(Answer)> done) override {
    const std::lock_guard lock(mutex_);
    held_.push_back(std::move(done));
    most_ = std::max(most_, held_.size());
  }
  std::size_t AnswerAll() {
    std::vector<AnyInvocable<void(Answer)>> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& done : held) done(Accepted());
    return held.size();
  }
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  std::size_t most_ = 0;

 private:
  std::mutex mutex_;
  std::vector<AnyInvocable<void(Answer)>> held_;
};

TEST_CASE("the open loop waits for no answer, and latency counts from the intended arrival") {
  const auto plan = Plan(50);
  HeldCaller caller;
  PlacingOptions options;
  options.arrivals = EvenArrivals(50, 1000);
  Watch watch;
  watch.on_progress = [&](const Figures& figures) {
    // The ticks are 100 ms apart: all 50 have arrived by the first that finds them, none answered.
    if (caller.held() == 50 && figures.elapsed > 150ms) caller.AnswerAll();
  };
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(caller.most_ == 50);
  REQUIRE(figures.accepted == 50);
  REQUIRE(Quantile(figures.latencies, 1.0) > 150ms);          // the first to arrive
  REQUIRE(Quantile(figures.latencies, 0.0) >= 150ms - 49ms);  // the last
  REQUIRE(Quantile(figures.latencies, 0.0) < Quantile(figures.latencies, 1.0));
}

TEST_CASE("the closed loop has no more in flight than it may") {
  const auto plan = Plan(20);
  HeldCaller caller;
  PlacingOptions options;
  options.in_flight = 4;
  Watch watch;
  watch.on_progress = [&](const Figures&) { caller.AnswerAll(); };
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(figures.accepted == 20);
  REQUIRE(caller.most_ == 4);
}

TEST_CASE("an interruption begins nothing more, waits for what is in flight, and counts the rest") {
  const auto plan = Plan(10);
  HeldCaller caller;
  PlacingOptions options;
  options.in_flight = 4;
  bool is_interrupted = false;
  Watch watch;
  watch.interrupted = [&] { return is_interrupted; };
  watch.on_progress = [&](const Figures&) {
    if (is_interrupted) caller.AnswerAll();
    is_interrupted = true;
  };
  const Figures figures = Placing(plan, options, caller, watch).Run();
  REQUIRE(figures.accepted == 4);
  REQUIRE(figures.unplaced == 6);
}

TEST_CASE("arrivals at a rate are evenly apart and exact at the end") {
  const auto arrivals = EvenArrivals(30'001, 1000);
  REQUIRE(arrivals[1] == 1ms);
  REQUIRE(arrivals[30'000] == 30s);
}

TEST_CASE("quantiles are nearest ranks") {
  REQUIRE(Quantile({}, 0.5) == 0ms);
  REQUIRE(Quantile({3ms, 1ms, 2ms}, 0.5) == 2ms);
  std::vector<Duration> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i * 1ms);
  REQUIRE(Quantile(hundred, 0.99) == 99ms);
  REQUIRE(Quantile(hundred, 1.0) == 100ms);
}

}  // namespace
}  // namespace lockstep::lab
