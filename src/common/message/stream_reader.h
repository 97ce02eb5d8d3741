// One stream from a server, read by one thread, which waits for each piece only so long: a blocking
// reader would wait for a stuck peer until keepalive gives it up. The thread that waits also moves
// the connection's bytes.
//
// Threads: one; Cancel from any while the object lives.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <memory>

#include "common/base/deadline.h"
#include "common/rpc/grpc_time.h"
#include "common/rpc/status_details.h"

namespace lockstep::message {

template <class Response>
class StreamReader {
 public:
  StreamReader() = default;
  ~StreamReader() {
    if (reader_ != nullptr && !ended_) {
      context_.TryCancel();  // a stream that is not at its end does not finish by itself
      End();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  grpc::ClientContext& context() { return context_; }

  // prepare: the stub's PrepareAsync…. connect_max: until the request is on its way; if it takes
  // longer, the stream ends.
  template <class Stub, class Request>
  void Start(Stub& stub,
             std::unique_ptr<grpc::ClientAsyncReader<Response>> (Stub::*prepare)(
                 grpc::ClientContext*, const Request&, grpc::CompletionQueue*),
             const Request& request, Duration connect_max) {
    reader_ = (stub.*prepare)(&context_, request, &queue_);
    reader_->StartCall(this);
    if (!Await(connect_max)) End();
  }

  // True: a piece is there. False: the stream has ended, or nothing came for so long.
  bool Next(Response& piece, Duration silence_max) {
    if (ended_) return false;
    reader_->Read(&piece, this);
    if (Await(silence_max)) return true;
    End();
    return false;
  }

  // Once Next has returned false: how it ended. DEADLINE_EXCEEDED, reason PEER_SILENT: nothing
  // came.
  const Status& status() const { return status_; }

  void Cancel() { context_.TryCancel(); }

 private:
  // What was started has come back, and was well.
  bool Await(Duration at_most) {
    void* tag = nullptr;
    bool ok = false;
    const Deadline until = Deadline::After(std::chrono::steady_clock::now(), at_most);
    if (queue_.AsyncNext(&tag, &ok, rpc::ToTimespec(until)) == grpc::CompletionQueue::GOT_EVENT) {
      return ok;
    }
    silent_ = true;
    context_.TryCancel();  // brings it back
    queue_.Next(&tag, &ok);
    return false;
  }

  void End() {
    ended_ = true;
    grpc::Status status;
    reader_->Finish(&status, this);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    status_ = silent_ ? MakeError(StatusCode::kDeadlineExceeded, "PEER_SILENT",
                                  "the peer did not answer, or said nothing for too long")
                      : rpc::FromGrpcStatus(status);
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<Response>> reader_;
  bool silent_ = false;
  bool ended_ = false;
  Status status_;
};

}  // namespace lockstep::message
