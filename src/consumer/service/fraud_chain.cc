#include "consumer/service/fraud_chain.h"

#include <utility>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/owner/command.h"
#include "common/rpc/channel.h"
#include "common/rpc/proto_values.h"
#include "consumer/domain/fraud.h"
#include "consumer/service/peer_question.h"
#include "consumer/store/account_table.h"

namespace lockstep::consumer {
namespace {

constexpr PeerMethod<v1::FraudService::Stub, v1::ScoreRequest, v1::ScoreResponse> kScore = {
    kFraudPeer, "lockstep.consumer.v1.FraudService/Score",
    &v1::FraudService::Stub::PrepareAsyncScore};
constexpr PeerMethod<v1::CustomerService::Stub, v1::GetHistoryRequest, v1::GetHistoryResponse>
    kGetHistory = {kCustomerPeer, "lockstep.consumer.v1.CustomerService/GetHistory",
                   &v1::CustomerService::Stub::PrepareAsyncGetHistory};

Status NotYet() {
  ErrorDetail detail;
  detail.reason = "STARTING";
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kUnavailable,
                   "the server is starting and asks nobody yet; repeat the call", detail);
}

v1::ScoreRequest QuestionAbout(const AuthorizeRequest& payment) {
  v1::ScoreRequest request;
  request.set_consumer_id(payment.consumer_id);
  request.set_order_id(payment.order_id);
  rpc::SetMoney(payment.amount, request.mutable_amount());
  return request;
}

std::optional<Duration> TimeoutOf(bool set, const google::protobuf::Duration& timeout) {
  if (!set) return std::nullopt;
  return rpc::ToDuration(timeout);
}

// A history that cannot be read is an error of the peer.
StatusOr<History> HistoryIn(const v1::GetHistoryResponse& response) {
  History history{response.payments(), Money(), response.payments_last_minute()};
  if (!response.has_total()) return history;
  StatusOr<Money> total = rpc::ToMoney(response.total());
  if (!total.ok()) {
    return MakeError(
        StatusCode::kInternal, "DOWNSTREAM_FAILED",
        "the history that customer told has no readable total: " + MessageOf(total.status()));
  }
  history.total = *std::move(total);
  return history;
}

}  // namespace

FraudChain::FraudChain(const control::HostContext& context, store::StoreFile& file)
    : file_(file),
      settings_(context.settings),
      fraud_methods_(context.faults, v1::FraudService::service_full_name()),
      customer_methods_(context.faults, v1::CustomerService::service_full_name()) {
  fraud_methods_.Add("Score", fraud_raw_, &FraudRaw::RequestScore, *this, &FraudChain::Score);
  customer_methods_.Add("GetHistory", customer_raw_, &CustomerRaw::RequestGetHistory, *this,
                        &FraudChain::GetHistory);
}

std::vector<rpc::MethodBase*> FraudChain::methods() const {
  std::vector<rpc::MethodBase*> all = fraud_methods_.all();
  for (rpc::MethodBase* method : customer_methods_.all()) all.push_back(method);
  return all;
}

void FraudChain::Connect(const std::string& fraud, const std::string& customer,
                         rpc::CompletionLoop& loop) {
  fraud_ = v1::FraudService::NewStub(rpc::MakeChannel(fraud, {.exact_deadlines = true}));
  customer_ = v1::CustomerService::NewStub(rpc::MakeChannel(customer, {.exact_deadlines = true}));
  loop_ = &loop;
  connected_.store(true, std::memory_order_release);
}

control::v1::ConsumerSettings FraudChain::Settings() const { return settings_.Get()->consumer(); }

void FraudChain::Look(rpc::ServerCallBase& call, const AuthorizeRequest& request, Looked done) {
  const control::v1::ConsumerSettings settings = Settings();
  if (settings.fraud_check() == control::v1::FRAUD_CHECK_BEFOREHAND) {
    done(LookAtMark(request, Clock::Real().WallNow()), call::v1::Receipt());
    return;
  }
  if (!connected_.load(std::memory_order_acquire)) {
    done(NotYet(), call::v1::Receipt());
    return;
  }
  AskPeer(call, *fraud_, kScore, QuestionAbout(request), settings,
          TimeoutOf(settings.has_fraud_timeout(), settings.fraud_timeout()),
          [done = std::move(done)](StatusOr<v1::ScoreResponse> score,
                                   call::v1::Receipt&& receipt) mutable {
            if (!score.ok()) {
              done(score.status(), std::move(receipt));
              return;
            }
            std::optional<std::string> why;
            if (score->suspected()) why = score->message();
            done(std::move(why), std::move(receipt));
          });
}

std::optional<std::string> FraudChain::LookAtMark(const AuthorizeRequest& request, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto mark = marks_.find(request.consumer_id);
  if (mark != marks_.end() && mark->second.until > now) return mark->second.why;
  if (waits_.size() < limits::kFraudScoredMax || waits_.contains(request.consumer_id)) {
    waits_[request.consumer_id] = QuestionAbout(request);
  }
  return std::nullopt;
}

void FraudChain::Score(ScoreCall& call) {
  const v1::ScoreRequest& request = call.request();
  Violations violations;
  violations.RequireId("consumer_id", request.consumer_id());
  violations.RequireId("order_id", request.order_id());
  const Money amount = rpc::ReadMoney(request.amount(), "amount", violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  if (!connected_.load(std::memory_order_acquire)) {
    call.Fail(NotYet());
    return;
  }
  v1::GetHistoryRequest question;
  question.set_consumer_id(request.consumer_id());
  question.set_except_order_id(request.order_id());
  const control::v1::ConsumerSettings settings = Settings();
  AskPeer(call, *customer_, kGetHistory, question, settings,
          TimeoutOf(settings.has_customer_timeout(), settings.customer_timeout()),
          [&call, amount](StatusOr<v1::GetHistoryResponse> said, call::v1::Receipt&& receipt) {
            const StatusOr<History> history = said.ok() ? HistoryIn(*said) : said.status();
            if (!history.ok()) {
              call.Fail(history.status(), &receipt);
              return;
            }
            v1::ScoreResponse response;
            *response.mutable_receipt() = std::move(receipt);
            if (const std::optional<Suspicion> suspicion = Suspect(*history, amount)) {
              response.set_suspected(true);
              response.set_reason(suspicion->reason);
              response.set_message(suspicion->message);
            }
            call.Finish(response);
          });
}

void FraudChain::GetHistory(HistoryCall& call) {
  std::string id = call.request().consumer_id();
  std::string except = call.request().except_order_id();
  Violations violations;
  violations.RequireId("consumer_id", id);
  if (!except.empty()) violations.RequireId("except_order_id", except);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  owner::Answer(call, file_,
                [id = std::move(id), except = std::move(except)](
                    store::Database& database, v1::GetHistoryResponse& response) -> Status {
                  const WallTime now = Clock::Real().WallNow();
                  response.set_consumer_id(id);
                  rpc::SetTime(now, response.mutable_read_time());
                  const StatusOr<History> history = ReadHistory(database, id, except, now);
                  if (!history.ok()) return history.status();
                  response.set_payments(history->payments);
                  response.set_payments_last_minute(history->payments_last_minute);
                  if (history->payments > 0)
                    rpc::SetMoney(history->total, response.mutable_total());
                  return OkStatus();
                });
}

void FraudChain::Tick(WallTime now) {
  if (!connected_.load(std::memory_order_acquire)) return;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(marks_, [now](const auto& mark) { return mark.second.until <= now; });
    if (scoring_ || waits_.empty() || now - scored_ < limits::kFraudScoringInterval) return;
    scoring_ = true;
    scored_ = now;
  }
  ScoreNext();
}

void FraudChain::ScoreNext() {
  v1::ScoreRequest request;
  {
    const std::lock_guard lock(mutex_);
    scoring_ = !waits_.empty() && !loop_->stopping();
    if (!scoring_) return;
    request = std::move(waits_.extract(waits_.begin()).mapped());
  }
  const Deadline deadline = Deadline::After(Clock::Real().Now(), limits::kFraudScoreTimeout);
  rpc::UnaryCall<v1::ScoreResponse>::Start(
      *loop_, *fraud_, kScore.prepare, request, {.deadline = deadline},
      [this, consumer_id = request.consumer_id()](const grpc::Status& status,
                                                  const v1::ScoreResponse& score) {
        if (status.ok()) {
          NoteScore(consumer_id, score);
          ScoreNext();
          return;
        }
        // The others wait for the next scoring: the peer is hardly there for them.
        log::Warning("consumer_not_scored",
                     {{"consumer_id", consumer_id}, {"message", status.error_message()}});
        const std::lock_guard lock(mutex_);
        scoring_ = false;
      });
}

void FraudChain::NoteScore(const std::string& consumer_id, const v1::ScoreResponse& score) {
  if (!score.suspected()) return;  // a small sum clears nobody: a mark lasts for its time
  const std::lock_guard lock(mutex_);
  marks_[consumer_id] = {score.message(), Clock::Real().WallNow() + limits::kFraudMarkLasts};
}

}  // namespace lockstep::consumer
