// One incoming unary call on a completion queue: arrival, budget, cancellation, and one answer.
//
// Life: Accept posts a call object; when a request arrives it posts its successor, then goes
// through arrival (limits, fault, budget, parsing) and runs the method's handler on the loop's
// thread. The handler keeps the reference and calls Finish or Fail exactly once, from any thread,
// now or later. That call may destroy the object: nothing may touch it afterwards, and every Hook
// on its cancel_source must be gone before. The object belongs to the queue: it goes when both of
// its last tags have come back, that of the answer and that of gRPC's notice that the call is over.
//
// The request is taken as bytes and parsed here, so that a request that cannot be parsed is an
// INVALID_ARGUMENT which names the field, and not gRPC's INTERNAL.
//
// What arrives and ends in the same way but is answered by many pieces: server_stream.h.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/base/cancellation.h"
#include "common/base/deadline.h"
#include "common/base/limits.h"
#include "common/fault/injector.h"
#include "common/rpc/call_table.h"
#include "common/rpc/completion_loop.h"
#include "common/rpc/delay_timer.h"
#include "common/rpc/request_bytes.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::rpc {

// What all calls of one server process share. Outlives them.
struct CallRules {
  std::string node;
  CallObserver* observer = nullptr;  // may be null
  CallTable calls;
  std::atomic<bool> drop_expired = true;
  std::atomic<int> calls_in_flight_max = limits::kCallsInFlightDefault;
  std::atomic<Duration::rep> call_limit = Duration(limits::kCallLimitDefault).count();
  std::atomic<int> streams = 0;  // open now; they stand in no list of calls
  std::atomic<int> streams_max = limits::kStreamsMax;
  DelayTimer delays;  // of faults
};

// The budget of a call that arrived now: the caller's deadline, or the server's own limit where
// there is none.
struct Budget {
  Deadline deadline;
  bool from_caller = false;
};
Budget BudgetAtArrival(Deadline sent, SteadyTime arrival, const CallRules& rules);

// The part of a receipt that is the same for all calls.
struct ReceiptBasis {
  const std::string& node;
  const std::string& method;
  call::v1::Shell shell;
  WallTime arrival_wall;
  SteadyTime arrival;
  Budget budget;  // a stream without a deadline has none, and its receipt says nothing of it
};
// Fills what is not filled yet; total is counted until now.
void FillReceipt(const ReceiptBasis& basis, SteadyTime now, call::v1::Receipt& receipt);

// Counts and logs the end of a call.
void RecordEnd(const CallRules& rules, const EndedCall& call, const Status& status,
               const std::string& peer);

// What a budget that is gone is answered with. when: "on arrival", "before the commit".
Status BudgetGone(std::string_view when);

// What a stream is ended with because its server stops: UNAVAILABLE, reason STOPPING.
Status ServerIsStopping();

// Counts the call objects of a server, those that wait for a request among them, so that it can
// tell when the last has gone. Threads: any.
class LiveCalls {
 public:
  void Add() { ++count_; }
  void Remove() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  void WaitForNone() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }
  // False if some are left after that time.
  bool WaitForNone(Duration at_most) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, at_most, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::atomic<int> count_ = 0;
};

class ServerCallBase;

// A method of a queue server.
class MethodBase {
 public:
  MethodBase(std::string name, fault::Site& site) : name_(std::move(name)), site_(site) {}
  virtual ~MethodBase() = default;

  // Posts a call object that waits for a request. Once for each loop; each call posts its successor
  // itself.
  virtual void Accept(CompletionLoop& loop, grpc::ServerCompletionQueue& queue, CallRules& rules,
                      LiveCalls& live) = 0;
  const std::string& name() const { return name_; }
  fault::Site& site() { return site_; }

 private:
  const std::string name_;
  fault::Site& site_;
};

class ServerCallBase : private CallTable::Entry {
 public:
  ServerCallBase(const ServerCallBase&) = delete;
  ServerCallBase& operator=(const ServerCallBase&) = delete;

  SteadyTime arrival() const { return arrival_; }
  // The caller's deadline, or the server's own limit.
  const Budget& budget() const { return budget_; }
  // Cancelled when the caller has gone or its deadline has passed.
  CancelSource& cancel_source() { return cancel_source_; }
  CompletionLoop& loop() { return loop_; }
  const CallRules& rules() const { return rules_; }
  ReceiptBasis receipt_basis() const {
    return {rules_.node, method_.name(), call::v1::SHELL_QUEUE, arrival_wall_, arrival_, budget_};
  }
  bool Abandoned(SteadyTime now) const override {
    return gone_.load(std::memory_order_relaxed) || budget_.deadline.Passed(now);
  }
  // For the ledger: the handler has dropped this call before it did anything for it.
  void MarkNeverBegun() { begun_ = false; }
  // For the ledger: this call is answered with an earlier outcome.
  void MarkDuplicate() { duplicate_ = true; }

  // Ends the call with an error. receipt: what the handler knows of the cost; the rest is filled
  // in.
  void Fail(const Status& status, call::v1::Receipt* receipt = nullptr);

 protected:
  enum class Kind { kUnary, kStream };

  ServerCallBase(Kind kind, MethodBase& method, CompletionLoop& loop,
                 grpc::ServerCompletionQueue& queue, CallRules& rules, LiveCalls& live);
  ~ServerCallBase() override;

  std::string ReceiptLine() const;
  void CompleteReceipt(call::v1::Receipt& receipt) const;
  void CountEnd(const Status& status);

  virtual Status Parse(grpc::ByteBuffer& bytes) = 0;
  virtual void Handle() = 0;
  // Hands the error to gRPC with AnsweredTag, now or when what is under way has gone out. The end
  // is counted already; may destroy the object.
  virtual void SendError(const grpc::Status& status) = 0;

  // For the concrete call, which asks gRPC for a request with these, and answers it.
  grpc::ServerContext context_;
  grpc::ByteBuffer request_bytes_;
  void* RequestedTag() { return requested_tag_.Tag(); }
  void* AnsweredTag() { return answered_tag_.Tag(); }

  // One of the things that a queue can say of a call.
  template <class Call>
  class Said final : public Operation {
   public:
    Said(Call& call, void (Call::*said)(bool)) : call_(call), said_(said) {}
    void Complete(bool ok) noexcept override { (call_.*said_)(ok); }

   private:
    Call& call_;
    void (Call::*said_)(bool);
  };

 private:
  // A fault's delay, in flight on the loop: whoever stops the loop cuts it short.
  class Delay final : public DelayTimer::Waiting, public CompletionLoop::InFlight {
   public:
    Delay(ServerCallBase& call, Deadline until);
    void Cancel() override;  // any thread
    void Due() noexcept override { End(); }

   private:
    void End();  // once

    ServerCallBase& call_;
    const bool entered_;
  };

  // ok: a request is there; else the server is stopping and no other tag will come.
  void Requested(bool ok);
  void Over(bool ok);      // gRPC's notice that the call is over; ok is always true
  void Answered(bool ok);  // ok: the answer went out; else nobody was there to take it
  void Delayed();
  void Begin(SteadyTime now);
  void LeaveIfOver();
  Status Admit();
  CallTable::Description Describe() const override;

  const Kind kind_;
  MethodBase& method_;
  CompletionLoop& loop_;
  grpc::ServerCompletionQueue& queue_;
  CallRules& rules_;
  LiveCalls& live_;
  Said<ServerCallBase> requested_tag_{*this, &ServerCallBase::Requested};
  Said<ServerCallBase> over_tag_{*this, &ServerCallBase::Over};
  Said<ServerCallBase> answered_tag_{*this, &ServerCallBase::Answered};

  SteadyTime arrival_{};
  WallTime arrival_wall_{};
  Budget budget_;
  Duration fault_delay_{};
  std::optional<Delay> delay_;
  bool begun_ = false;
  bool duplicate_ = false;
  bool over_ = false;  // the loop's thread only, as is answered_
  bool answered_ = false;
  std::atomic<bool> gone_ = false;
  std::atomic<bool> ended_ = false;  // Finish or Fail was called
  CancelSource cancel_source_;
};

template <class Request, class Response>
class ServerCall final : public ServerCallBase {
 public:
  using Handler = AnyInvocable<void(ServerCall& call)>;

  // On completion loops. service: with the method WithRawMethod_…; request:
  // &Service::RequestCreateOrder. handler: runs on the thread of the loop that took the call, so on
  // several threads at once where a server has several loops.
  template <class Service>
  class Method final : public MethodBase {
   public:
    using RequestFunction = void (Service::*)(grpc::ServerContext*, grpc::ByteBuffer*,
                                              grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>*,
                                              grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                              void*);
    Method(std::string name, fault::Site& site, Service& service, RequestFunction request,
           Handler handler)
        : MethodBase(std::move(name), site),
          service_(service),
          request_(request),
          handler_(std::move(handler)) {}

    void Accept(CompletionLoop& loop, grpc::ServerCompletionQueue& queue, CallRules& rules,
                LiveCalls& live) override {
      auto* call = new ServerCall(*this, handler_, loop, queue, rules, live);
      (service_.*request_)(&call->context_, &call->request_bytes_, &call->writer_, &queue, &queue,
                           call->RequestedTag());
    }

   private:
    Service& service_;
    RequestFunction request_;
    Handler handler_;
  };

  const Request& request() const { return request_; }

  // Ends the call with OK. A response that has a receipt gets what is not filled in it; any other
  // carries it as one line in the trailer "lockstep-receipt".
  void Finish(Response& response) {
    std::string trailer;
    if constexpr (requires { response.mutable_receipt(); }) {
      CompleteReceipt(*response.mutable_receipt());
    } else {
      trailer = ReceiptLine();
    }
    bool own_buffer = false;
    grpc::ByteBuffer bytes;
    grpc::SerializationTraits<Response>::Serialize(response, &bytes, &own_buffer);
    if (!trailer.empty()) context_.AddTrailingMetadata("lockstep-receipt", trailer);
    CountEnd(OkStatus());
    writer_.Finish(bytes, grpc::Status::OK, AnsweredTag());
  }
  void Finish(Response&& response) { Finish(response); }

  // The one or the other.
  void Answer(StatusOr<Response> response) {
    if (response.ok()) {
      Finish(*response);
    } else {
      Fail(response.status());
    }
  }

 private:
  ServerCall(MethodBase& method, Handler& handler, CompletionLoop& loop,
             grpc::ServerCompletionQueue& queue, CallRules& rules, LiveCalls& live)
      : ServerCallBase(Kind::kUnary, method, loop, queue, rules, live), handler_(handler) {}

  Status Parse(grpc::ByteBuffer& bytes) override { return ParseRequest(bytes, request_); }
  void Handle() override { handler_(*this); }
  void SendError(const grpc::Status& status) override {
    writer_.FinishWithError(status, AnsweredTag());
  }

  Handler& handler_;
  Request request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_{&context_};
};

}  // namespace lockstep::rpc
