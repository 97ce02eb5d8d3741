// One incoming call that is answered by a stream of pieces, on a completion queue.
//
// It arrives, is refused, is delayed by faults and ends as a ServerCall does (server_call.h says
// how, and who owns it), with three differences. It has no deadline but its caller's: the server's
// own limit for calls is none for streams. It is none of the calls in flight, and has a limit of
// its own, limits::kStreamsMax. And the ledger counts it only if it is refused or fails, not
// because its caller leaves: that is how most end.
//
// The handler keeps the reference, calls Write as often as it likes, one piece at a time, and
// Finish or Fail exactly once; each from any thread. `sent` of a Write says that the piece has gone
// out to the connection, which waits for a caller that is slow: so who makes the next piece only
// then keeps one piece in memory, however far behind the caller is. A caller that leaves, or whose
// deadline passes, is said by cancel_source() and by `sent` with false; the handler still calls
// Finish.
//
// A server that stops ends its streams only when the grace is over, by cancelling them. Whoever has
// streams that stay open ends them at the beginning of the stop.
#pragma once

#include <grpcpp/support/async_stream.h>

#include <optional>

#include "common/rpc/server_call.h"

namespace lockstep::rpc {

// A message as it goes out, made where there is time for it.
template <class Response>
grpc::ByteBuffer ToBytes(const Response& response) {
  bool own_buffer = false;
  grpc::ByteBuffer bytes;
  grpc::SerializationTraits<Response>::Serialize(response, &bytes, &own_buffer);
  return bytes;
}

class ServerStreamBase : public ServerCallBase {
 public:
  using Sent = AnyInvocable<void(bool ok)>;

  // Hands a piece, a serialised response, to gRPC; not before `sent` of the one before has run, and
  // not after Finish. sent: runs once on the loop's thread, unless Finish comes first. False: the
  // piece, and whatever would follow, reaches nobody.
  void WriteBytes(const grpc::ByteBuffer& bytes, Sent sent);

  // Ends the stream. A piece that is under way goes out before; its `sent` does not run any more.
  // Every Hook on cancel_source must be gone; may destroy the object.
  void Finish();
  void Finish(const Status& status) {
    if (status.ok()) {
      Finish();
    } else {
      Fail(status);
    }
  }

 protected:
  ServerStreamBase(MethodBase& method, CompletionLoop& loop, grpc::ServerCompletionQueue& queue,
                   CallRules& rules, LiveCalls& live)
      : ServerCallBase(Kind::kStream, method, loop, queue, rules, live) {}

  void SendError(const grpc::Status& status) override { End(status); }

  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context_};

 private:
  void Wrote(bool ok);  // on the loop's thread
  void End(const grpc::Status& status);

  Said<ServerStreamBase> wrote_tag_{*this, &ServerStreamBase::Wrote};
  std::mutex mutex_;                 // guards what follows
  bool writing_ = false;             // a piece is under way
  Sent sent_;                        // of it
  std::optional<grpc::Status> end_;  // comes after it
};

template <class Request, class Response>
class ServerStream final : public ServerStreamBase {
 public:
  using Handler = AnyInvocable<void(ServerStream& stream)>;

  // service: with the method WithRawMethod_…; request: &Service::RequestWatchOrder. handler: runs
  // on the thread of the loop that took the call.
  template <class Service>
  class Method final : public MethodBase {
   public:
    using RequestFunction = void (Service::*)(grpc::ServerContext*, grpc::ByteBuffer*,
                                              grpc::ServerAsyncWriter<grpc::ByteBuffer>*,
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
      auto* stream = new ServerStream(*this, handler_, loop, queue, rules, live);
      (service_.*request_)(&stream->context_, &stream->request_bytes_, &stream->writer_, &queue,
                           &queue, stream->RequestedTag());
    }

   private:
    Service& service_;
    RequestFunction request_;
    Handler handler_;
  };

  const Request& request() const { return request_; }

  void Write(const Response& piece, Sent sent) { WriteBytes(ToBytes(piece), std::move(sent)); }

 private:
  ServerStream(MethodBase& method, Handler& handler, CompletionLoop& loop,
               grpc::ServerCompletionQueue& queue, CallRules& rules, LiveCalls& live)
      : ServerStreamBase(method, loop, queue, rules, live), handler_(handler) {}

  Status Parse(grpc::ByteBuffer& bytes) override { return ParseRequest(bytes, request_); }
  void Handle() override { handler_(*this); }

  Handler& handler_;
  Request request_;
};

}  // namespace lockstep::rpc
