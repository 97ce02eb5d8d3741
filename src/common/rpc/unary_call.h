// One outgoing call on a completion loop: context, reader, response, status and continuation in one
// object.
//
// Ownership: the object belongs to the queue from Start until its one tag comes back; it destroys
// itself after done. The peer's answer may be there before Start has returned, so Start touches
// nothing after Finish. Exactly once: done runs once, on the loop's thread; or, if the loop takes
// no more calls, at once inside Start with UNAVAILABLE (stopping) or RESOURCE_EXHAUSTED (full). A
// client's unary Finish tag always comes with ok == true; how the call ended is in the status.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <optional>
#include <utility>

#include "common/base/cancellation.h"
#include "common/base/deadline.h"
#include "common/rpc/completion_loop.h"
#include "common/rpc/grpc_time.h"

namespace lockstep::rpc {

struct CallOptions {
  Deadline deadline{};                    // never: none is sent
  bool wait_for_ready = false;            // true: waits for a connection within the deadline
  CancelSource* cancel_source = nullptr;  // if it is cancelled, so is the call; must outlive it
};

template <class Response>
class UnaryCall final : private Operation, private CompletionLoop::InFlight {
 public:
  using Done = AnyInvocable<void(const grpc::Status& status, Response& response)>;

  // prepare: a member function of Stub, &Stub::PrepareAsyncValidateConsumer. The request may go
  // after Start returned.
  template <class Stub, class Prepare, class Request>
  static void Start(CompletionLoop& loop, Stub& stub, Prepare prepare, const Request& request,
                    const CallOptions& options, Done done) {
    auto* call = new UnaryCall(loop, std::move(done));
    if (!loop.Begin(*call)) {
      call->status_ = loop.stopping() ? grpc::Status(grpc::StatusCode::UNAVAILABLE,
                                                     "this process starts no more calls: it stops")
                                      : grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                                     "this process has too many calls under way");
      call->RunDone();
      return;
    }
    if (options.deadline.is_finite()) call->context_.set_deadline(ToTimespec(options.deadline));
    call->context_.set_wait_for_ready(options.wait_for_ready);
    call->reader_ = (stub.*prepare)(&call->context_, request, loop.queue());
    call->reader_->StartCall();
    if (options.cancel_source != nullptr) {
      call->hook_.emplace(*options.cancel_source, [call] { call->context_.TryCancel(); });
    }
    call->reader_->Finish(&call->response_, &call->status_, call->Tag());
  }

 private:
  UnaryCall(CompletionLoop& loop, Done done) : loop_(loop), done_(std::move(done)) {}

  void Cancel() override { context_.TryCancel(); }

  void Complete(bool /*ok: always true for a unary Finish*/) noexcept override {
    // After these two nobody cancels: TryCancel cannot meet the end of the context.
    hook_.reset();
    loop_.End(*this);
    RunDone();
  }

  void RunDone() {
    const std::unique_ptr<UnaryCall> self(this);
    done_(status_, response_);
  }

  CompletionLoop& loop_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
  Response response_;
  grpc::Status status_;
  std::optional<CancelSource::Hook> hook_;
  Done done_;
};

}  // namespace lockstep::rpc
