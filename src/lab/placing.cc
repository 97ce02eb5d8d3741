#include "lab/placing.h"

#include <algorithm>

#include "common/base/check.h"

namespace lockstep::lab {
namespace {

using std::chrono_literals::operator""ms;

constexpr Duration kTick = 100ms;

SteadyTime Now() { return Clock::Real().Now(); }

}  // namespace

std::vector<Duration> EvenArrivals(std::size_t count, double per_second) {
  std::vector<Duration> arrivals(count);
  for (std::size_t i = 0; i < count; ++i) {
    arrivals[i] = Duration(static_cast<Duration::rep>(static_cast<double>(i) * 1e9 / per_second));
  }
  return arrivals;
}

Placing::Placing(const std::vector<PlannedOrder>& orders, const PlacingOptions& options,
                 OrderCaller& caller, Watch& watch)
    : plan_(orders), options_(options), caller_(caller), watch_(watch), orders_(orders.size()) {
  LOCKSTEP_CHECK(options.arrivals.empty() || options.arrivals.size() == orders.size());
  figures_.orders = static_cast<std::int64_t>(orders.size());
}

Figures Placing::Run() {
  start_ = Now();
  if (options_.arrivals.empty()) {
    for (int i = 0; i < options_.in_flight; ++i) BeginNext();
  } else {
    for (std::size_t i = 0; i < plan_.size(); ++i) {
      const SteadyTime arrival = start_ + options_.arrivals[i];
      timeline_.At(arrival, [this, i, arrival] { Begin(i, arrival); });
    }
  }
  Tick();
  // Also an interrupted run waits for what is in flight: each answer still counts, and none may
  // come after the end.
  timeline_.RunUntil([this] { return in_flight_ == 0 && (stopping_ || settled_ == plan_.size()); });
  figures_.elapsed = Now() - start_;
  for (const Order& order : orders_) {
    if (order.is_done) continue;
    if (order.attempts == 0) {
      ++figures_.unplaced;
    } else {
      ++figures_.unknown["INTERRUPTED"];
    }
  }
  return figures_;
}

std::vector<bool> Placing::accepted() const {
  std::vector<bool> accepted;
  for (const Order& order : orders_) accepted.push_back(order.is_accepted);
  return accepted;
}

std::vector<std::string> Placing::order_ids() const {
  std::vector<std::string> order_ids;
  for (const Order& order : orders_) order_ids.push_back(order.order_id);
  return order_ids;
}

void Placing::BeginNext() {
  if (stopping_ || next_ == plan_.size()) return;
  Begin(next_++, Now());
}

void Placing::Begin(std::size_t index, SteadyTime arrival) {
  if (stopping_) return;
  orders_[index].arrival = arrival;
  orders_[index].first_attempt = Now();
  figures_.lateness_most = std::max(figures_.lateness_most, orders_[index].first_attempt - arrival);
  Attempt(index);
}

void Placing::Attempt(std::size_t index) {
  if (stopping_) return;
  if (++orders_[index].attempts > 1) ++figures_.repeats;
  ++in_flight_;
  caller_.Place(plan_[index].request, Deadline::After(Now(), options_.timeout),
                [this, index](Answer answer) {
                  timeline_.Post([this, index, answer = std::move(answer)]() mutable {
                    OnAnswer(index, std::move(answer));
                  });
                });
}

void Placing::OnAnswer(std::size_t index, Answer answer) {
  --in_flight_;
  const Order& order = orders_[index];
  const Outcome outcome = OutcomeOf(answer);
  const SteadyTime now = Now();
  Duration wait = options_.backoff_least * (1 << std::min(order.attempts - 1, 10));
  wait = std::min(wait, options_.backoff_most);
  const auto retry_after = DetailOf(answer.status).retry_after;
  if (retry_after) wait = std::max<Duration>(wait, *retry_after);
  const bool is_open = outcome == Outcome::kUnknown || outcome == Outcome::kBusy;
  if (is_open && now + wait < order.first_attempt + options_.give_up_after) {
    timeline_.At(now + wait, [this, index] { Attempt(index); });
    return;
  }
  Settle(index, answer);
}

void Placing::Settle(std::size_t index, const Answer& answer) {
  orders_[index].is_done = true;
  orders_[index].is_accepted = OutcomeOf(answer) == Outcome::kAccepted;
  orders_[index].order_id = answer.response.order().order_id();
  ++settled_;
  Count(answer, Now() - orders_[index].arrival, figures_);
  if (options_.arrivals.empty()) BeginNext();
}

void Placing::Tick() {
  if (watch_.interrupted && watch_.interrupted()) stopping_ = true;
  figures_.elapsed = Now() - start_;
  if (watch_.on_progress) watch_.on_progress(figures_);
  timeline_.At(Now() + kTick, [this] { Tick(); });
}

}  // namespace lockstep::lab
