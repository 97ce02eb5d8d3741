// The ports of placing an order, faked: checks that answer when a test says so, and a store in
// memory that does the same. Threads: any.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "order/ports.h"

namespace lockstep::order {

// One question at a time is held until it is answered; the questions themselves are kept.
template <class Port, class Question, class Verdict>
class HeldPort final : public Port {
 public:
  using Done = AnyInvocable<void(CheckResult<Verdict>)>;
  using Inline = AnyInvocable<StatusOr<Verdict>(const Question&)>;

  void Ask(const CheckCall& call, const Question& question, Done done) override {
    std::unique_lock lock(mutex_);
    questions_.push_back(question);
    if (inline_ == nullptr) {
      held_.push_back({call, question, std::move(done)});
      return;
    }
    StatusOr<Verdict> verdict = inline_(question);
    lock.unlock();
    done(Result(call, std::move(verdict)));
  }

  // From now on Ask answers before it returns.
  void AnswerInline(Inline answer) {
    const std::lock_guard lock(mutex_);
    inline_ = std::move(answer);
  }

  // Answers the oldest question held, with one call in its trace.
  void Answer(StatusOr<Verdict> verdict) {
    Held held = Take();
    held.done(Result(held.call, std::move(verdict)));
  }

  std::size_t asked() const {
    const std::lock_guard lock(mutex_);
    return questions_.size();
  }
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  Question LastQuestion() const {
    const std::lock_guard lock(mutex_);
    LOCKSTEP_CHECK(!questions_.empty());
    return questions_.back();
  }
  // When the calls of its traces began, from arrival on.
  void StartAt(Duration start) { start_ = start; }

 private:
  struct Held {
    CheckCall call;
    Question question;
    Done done;
  };

  Held Take() {
    const std::lock_guard lock(mutex_);
    LOCKSTEP_CHECK(!held_.empty());
    Held held = std::move(held_.front());
    held_.pop_front();
    return held;
  }

  CheckResult<Verdict> Result(const CheckCall&, StatusOr<Verdict> verdict) const {
    CallTrace trace;
    trace.peer = std::is_same_v<Verdict, ConsumerVerdict> ? kConsumerPeer : kRestaurantPeer;
    trace.start = start_;
    trace.code = verdict.status().code();
    CheckResult<Verdict> result{std::move(verdict), {}};
    result.calls.push_back(std::move(trace));
    return result;
  }

  mutable std::mutex mutex_;
  Inline inline_;
  Duration start_{};
  std::deque<Held> held_;
  std::vector<Question> questions_;
};

using HeldConsumerCheck = HeldPort<ConsumerCheck, ConsumerQuestion, ConsumerVerdict>;
using HeldMenuCheck = HeldPort<MenuCheck, MenuQuestion, MenuVerdict>;

// Keeps orders in memory. Answers at once, unless it holds.
class FakeStore final : public OrderStore {
 public:
  void FindByRequestId(std::string request_id,
                       AnyInvocable<void(StatusOr<std::optional<StoredOutcome>>)> done) override {
    std::optional<StoredOutcome> found;
    Status status;
    {
      const std::lock_guard lock(mutex_);
      ++finds_;
      status = find_status_;
      const auto place = by_request_id_.find(request_id);
      if (place != by_request_id_.end()) found = place->second;
    }
    if (status.ok()) {
      done(std::move(found));
    } else {
      done(status);
    }
  }

  void Insert(std::shared_ptr<const Order> order, std::string fingerprint,
              const BesideOrder* /*beside*/, Deadline not_after,
              AnyInvocable<void(InsertResult)> done) override {
    {
      const std::lock_guard lock(mutex_);
      ++inserts_;
      last_not_after_ = not_after;
      if (hold_) {
        held_.push_back({std::move(order), std::move(fingerprint), std::move(done)});
        return;
      }
    }
    Write({std::move(order), std::move(fingerprint), std::move(done)});
  }

  void BeginCheckout(Checkout checkout, WallTime /*settle_time*/, Deadline /*not_after*/,
                     AnyInvocable<void(Status)> done) override {
    {
      const std::lock_guard lock(mutex_);
      checkouts_.push_back(std::move(checkout));
    }
    done(OkStatus());
  }
  void AbandonCheckout(Checkout checkout, const BesideOrder& /*beside*/) override {
    const std::lock_guard lock(mutex_);
    abandoned_.push_back(checkout.order_id);
  }
  // Begun, and given up, each with the id of its order.
  std::vector<Checkout> checkouts() const {
    const std::lock_guard lock(mutex_);
    return checkouts_;
  }
  std::vector<std::string> abandoned() const {
    const std::lock_guard lock(mutex_);
    return abandoned_;
  }

  // Puts an outcome there, as somebody else's.
  void Put(std::shared_ptr<const Order> order, std::string fingerprint) {
    const std::lock_guard lock(mutex_);
    by_request_id_[order->request_id] = {order, std::move(fingerprint)};
    orders_.push_back(std::move(order));
  }

  void HoldInserts() {
    const std::lock_guard lock(mutex_);
    hold_ = true;
  }
  // Writes the oldest insert held.
  void WriteHeld() { Write(Take()); }
  void FailInserts(Status status) {
    const std::lock_guard lock(mutex_);
    insert_status_ = std::move(status);
  }
  void FailFinds(Status status) {
    const std::lock_guard lock(mutex_);
    find_status_ = std::move(status);
  }

  std::vector<std::shared_ptr<const Order>> orders() const {
    const std::lock_guard lock(mutex_);
    return orders_;
  }
  int finds() const {
    const std::lock_guard lock(mutex_);
    return finds_;
  }
  int inserts() const {
    const std::lock_guard lock(mutex_);
    return inserts_;
  }
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  Deadline last_not_after() const {
    const std::lock_guard lock(mutex_);
    return last_not_after_;
  }

 private:
  struct Held {
    std::shared_ptr<const Order> order;
    std::string fingerprint;
    AnyInvocable<void(InsertResult)> done;
  };

  Held Take() {
    const std::lock_guard lock(mutex_);
    LOCKSTEP_CHECK(!held_.empty());
    Held held = std::move(held_.front());
    held_.pop_front();
    return held;
  }

  void Write(Held held) {
    InsertResult result;
    {
      const std::lock_guard lock(mutex_);
      const std::string& request_id = held.order->request_id;
      const auto place = by_request_id_.find(request_id);
      result.status = insert_status_;
      if (!result.status.ok()) {
      } else if (!request_id.empty() && place != by_request_id_.end()) {
        result.existing = place->second;
      } else {
        if (!request_id.empty()) by_request_id_[request_id] = {held.order, held.fingerprint};
        orders_.push_back(held.order);
        result.batch = 1;
      }
    }
    held.done(std::move(result));
  }

  mutable std::mutex mutex_;
  std::vector<Checkout> checkouts_;
  std::vector<std::string> abandoned_;
  bool hold_ = false;
  Status insert_status_;
  Status find_status_;
  Deadline last_not_after_;
  int finds_ = 0;
  int inserts_ = 0;
  std::deque<Held> held_;
  std::map<std::string, StoredOutcome> by_request_id_;
  std::vector<std::shared_ptr<const Order>> orders_;
};

}  // namespace lockstep::order
