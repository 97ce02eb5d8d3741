// The open loop: arrivals at random moments of a fixed rate, which do not wait for answers, and
// what became of time in each call. Threads: main sends; the loop's thread takes the answers.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/status_details.h"
#include "common/rpc/unary_call.h"
#include "lab/bench/load.h"
#include "lab/bench/messages.h"
#include "lab/bench/moments.h"
#include "lab/bench/names.h"
#include "lab/bench/process.h"
#include "lockstep/consumer/v1/consumer.grpc.pb.h"
#include "lockstep/order/v1/order.grpc.pb.h"

namespace lockstep::lab {
namespace {

using consumer::v1::ConsumerService;
using order::v1::OrderService;

// An answer this long before the deadline must have reached its caller; and what gRPC rounds up on
// its way, hop by hop, is less than this.
constexpr std::int64_t kMarginNanos = 5'000'000;

double Milliseconds(std::int64_t nanos) { return 1e-6 * static_cast<double>(nanos); }

void WaitUntil(std::int64_t nanos) {
  timespec until{};
  until.tv_sec = nanos / 1'000'000'000;
  until.tv_nsec = nanos % 1'000'000'000;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

// What the leaf began, and how late.
struct Work {
  std::int64_t begun = 0;
  std::int64_t late = 0;          // by more than the margin, by the first caller's deadline
  std::int64_t late_at_all = 0;   // by the same, without a margin
  std::int64_t late_by_wire = 0;  // by the deadline that arrived with the question

  void Count(const Moment& moment, std::int64_t deadline) {
    if (moment.begun == 0) return;
    ++begun;
    if (moment.begun > deadline + kMarginNanos) ++late;
    if (moment.begun > deadline) ++late_at_all;
    if (moment.begun > moment.deadline) ++late_by_wire;
  }
};

struct Shot {
  std::int64_t sent = 0;
  std::int64_t deadline = 0;
  std::int64_t ended = 0;
  bool stuck = false;
  grpc::StatusCode code = grpc::StatusCode::OK;
};

class OpenLoop {
 public:
  explicit OpenLoop(const OpenLoad& options)
      : options_(options),
        loop_(std::make_unique<grpc::CompletionQueue>()),
        channel_(
            rpc::MakeChannel(options.target, {.own_connection = true, .exact_deadlines = true})),
        shots_(static_cast<std::size_t>(options.calls)) {
    if (!options.moments.empty()) moments_.emplace(options.moments, 0);
  }

  int Run() {
    const auto orders = OrderService::NewStub(channel_);
    const auto consumers = ConsumerService::NewStub(channel_);
    std::mt19937_64 random(options_.seed);
    std::exponential_distribution<double> gap(options_.rate);
    std::bernoulli_distribution stuck(options_.stuck);
    const std::int64_t begun = MonotonicNanos();
    double due = 0;
    for (int i = 0; i < options_.calls; ++i) {
      due += gap(random);
      const std::int64_t at = begun + static_cast<std::int64_t>(due * 1e9);
      if (MonotonicNanos() < at) WaitUntil(at);
      lateness_.push_back(Milliseconds(MonotonicNanos() - at));
      shots_[static_cast<std::size_t>(i)].stuck = stuck(random);
      if (options_.method == LoadMethod::kCreateOrder) {
        SendOrder(*orders, i);
      } else {
        SendQuestion(*consumers, i);
      }
    }
    seconds_ = 1e-9 * static_cast<double>(MonotonicNanos() - begun);
    {
      std::unique_lock lock(mutex_);
      ended_.wait(lock, [this] { return ended_count_ == options_.calls; });
    }
    const Duration gap_longest = loop_.LongestGap();
    loop_.Stop();
    Report(gap_longest);
    return 0;
  }

 private:
  rpc::CallOptions Options(int i) {
    Shot& shot = shots_[static_cast<std::size_t>(i)];
    shot.sent = MonotonicNanos();
    shot.deadline = shot.sent + static_cast<std::int64_t>(options_.timeout * 1e9);
    return {.deadline = Deadline::At(SteadyTime(Duration(shot.deadline)))};
  }

  void SendQuestion(ConsumerService::Stub& stub, int i) {
    consumer::v1::ValidateConsumerRequest request;
    request.set_order_id("0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d");
    request.set_consumer_id(NumberedId({i, shots_[static_cast<std::size_t>(i)].stuck}));
    rpc::UnaryCall<consumer::v1::ValidateConsumerResponse>::Start(
        loop_, stub, &ConsumerService::Stub::PrepareAsyncValidateConsumer, request, Options(i),
        [this, i](const grpc::Status& status, consumer::v1::ValidateConsumerResponse&) {
          const std::int64_t now = MonotonicNanos();
          Shot& shot = shots_[static_cast<std::size_t>(i)];
          if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
              AnsweredInTime(i, Question::kConsumer, shot.deadline))
            ++false_timeouts_;
          Ended(shot, status, now);
        });
  }

  void SendOrder(OrderService::Stub& stub, int i) {
    order::v1::CreateOrderRequest request = BenchOrder(i);
    const Numbered numbered{i, shots_[static_cast<std::size_t>(i)].stuck};
    request.set_consumer_id(NumberedId(numbered));
    request.set_restaurant_id(NumberedId(numbered));
    order::v1::OrderOptions& how = *request.mutable_options();
    how.set_style(StyleOf(options_.style));
    if (options_.downstream_timeout > 0) {
      const Duration timeout(static_cast<std::int64_t>(options_.downstream_timeout * 1e9));
      rpc::SetDuration(timeout, how.mutable_consumer_timeout());
      rpc::SetDuration(timeout, how.mutable_restaurant_timeout());
    }
    rpc::UnaryCall<order::v1::CreateOrderResponse>::Start(
        loop_, stub, &OrderService::Stub::PrepareAsyncCreateOrder, request, Options(i),
        [this, i](const grpc::Status& status, order::v1::CreateOrderResponse& response) {
          const std::int64_t now = MonotonicNanos();
          call::v1::Receipt receipt = response.receipt();
          if (!status.ok()) rpc::ReceiptOf(status, receipt);
          LookAtQuestions(i, receipt);
          Ended(shots_[static_cast<std::size_t>(i)], status, now);
        });
  }

  // The order service is a caller, too: what it says of its questions against what the leaf says.
  void LookAtQuestions(int i, const call::v1::Receipt& receipt) {
    for (const call::v1::DownstreamCall& call : receipt.calls()) {
      ++questions_;
      if (call.code() != google::rpc::DEADLINE_EXCEEDED) continue;
      ++question_timeouts_;
      if (call.has_deadline_sent()) {
        const Duration over =
            rpc::ToDuration(call.duration()) - rpc::ToDuration(call.deadline_sent());
        question_overshoot_.push_back(Milliseconds(over.count()));
      }
      const Question question =
          call.peer() == "consumer" ? Question::kConsumer : Question::kRestaurant;
      // The deadline as it arrived at the leaf is later than the one sent, by the way there: what
      // is counted so is never too little.
      const Moment* moment = moments_ ? moments_->Of(i, question) : nullptr;
      if (moment != nullptr && AnsweredInTime(i, question, moment->deadline)) ++false_timeouts_;
    }
  }

  bool AnsweredInTime(int i, Question question, std::int64_t deadline) {
    const Moment* moment = moments_ ? moments_->Of(i, question) : nullptr;
    return moment != nullptr && moment->answered > 0 && moment->answered < deadline - kMarginNanos;
  }

  void Ended(Shot& shot, const grpc::Status& status, std::int64_t now) {
    shot.code = status.error_code();
    shot.ended = now;
    if (first_error_.empty() && !status.ok()) first_error_ = status.error_message();
    const std::lock_guard lock(mutex_);
    if (++ended_count_ == options_.calls) ended_.notify_one();
  }

  static JsonObject Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return JsonObject()
        .Add("count", static_cast<std::int64_t>(values.size()))
        .Add("p50", Percentile(values, 0.5))
        .Add("p99", Percentile(values, 0.99))
        .Add("most", values.empty() ? 0 : values.back());
  }

  void Report(Duration gap_longest) {
    std::map<std::string, std::int64_t> codes;
    std::vector<double> latency_ms;
    std::vector<double> overshoot_ms;
    Work work;
    for (int i = 0; i < options_.calls; ++i) {
      const Shot& shot = shots_[static_cast<std::size_t>(i)];
      ++codes[CodeText(shot.code)];
      if (shot.code == grpc::StatusCode::OK)
        latency_ms.push_back(Milliseconds(shot.ended - shot.sent));
      if (shot.code == grpc::StatusCode::DEADLINE_EXCEEDED)
        overshoot_ms.push_back(Milliseconds(shot.ended - shot.deadline));
      for (const Question question : {Question::kConsumer, Question::kRestaurant}) {
        const Moment* moment = moments_ ? moments_->Of(i, question) : nullptr;
        if (moment != nullptr) work.Count(*moment, shot.deadline);
      }
    }
    JsonObject()
        .Add("calls", options_.calls)
        .Add("codes", codes)
        .Add("first_error", first_error_)
        .Add("seconds", seconds_)
        .Add("rate", options_.calls / seconds_)
        .Add("send_lateness_ms", Spread(lateness_))
        .Add("latency_ms", Spread(latency_ms))
        .Add("overshoot_ms", Spread(overshoot_ms))
        .Add("false_timeouts", false_timeouts_)
        .Add("work_begun", work.begun)
        .Add("work_begun_late", work.late)
        .Add("work_begun_late_at_all", work.late_at_all)
        .Add("work_begun_late_by_wire", work.late_by_wire)
        .Add("questions", questions_)
        .Add("question_timeouts", question_timeouts_)
        .Add("question_overshoot_ms", Spread(question_overshoot_))
        .Add("client_loop_gap_ms", Milliseconds(gap_longest.count()))
        .Print();
  }

  const OpenLoad& options_;
  rpc::CompletionLoop loop_;
  const std::shared_ptr<grpc::Channel> channel_;
  std::optional<Moments> moments_;
  std::vector<Shot> shots_;
  std::vector<double> lateness_;  // of the sender itself: what it adds to no deadline
  double seconds_ = 0;
  // The loop's thread only, until all have ended.
  std::int64_t false_timeouts_ = 0;
  std::int64_t questions_ = 0;
  std::int64_t question_timeouts_ = 0;
  std::vector<double> question_overshoot_;
  std::string first_error_;

  std::mutex mutex_;
  std::condition_variable ended_;
  int ended_count_ = 0;
};

}  // namespace

int RunOpenLoad(const OpenLoad& options) { return OpenLoop(options).Run(); }

}  // namespace lockstep::lab
