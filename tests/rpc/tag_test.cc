// What ok means for each kind of tag that the runtime takes from a queue (TRAPS 17): the table that
// the overriders of Complete rely on, observed on gRPC itself.
#include <grpcpp/alarm.h>

#include "tests/rpc/test_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

enum class Said { kNothing, kOk, kNotOk };

// A tag that remembers what was said with it.
class Told final : public Operation {
 public:
  void Complete(bool ok) noexcept override { said_ = ok ? Said::kOk : Said::kNotOk; }
  // What it was, once it has come.
  Said Wait() const {
    (void)Eventually([this] { return said_ != Said::kNothing; });
    return said_;
  }
  Said now() const { return said_; }

 private:
  std::atomic<Said> said_ = Said::kNothing;
};

// One call between a bare client and a bare server on one loop, each of its tags apart.
struct OneCall {
  ConsumerService::AsyncService service;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<CompletionLoop> loop;
  std::unique_ptr<ConsumerService::Stub> stub;

  grpc::ServerContext incoming;
  ValidateConsumerRequest request;
  grpc::ServerAsyncResponseWriter<ValidateConsumerResponse> writer{&incoming};
  Told requested, over, finished;

  grpc::ClientContext outgoing;
  std::unique_ptr<grpc::ClientAsyncResponseReader<ValidateConsumerResponse>> reader;
  ValidateConsumerResponse response;
  grpc::Status status;
  Told answered;

  OneCall() {
    grpc::ServerBuilder builder;
    const Listener listener(builder, "127.0.0.1:0");
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    grpc::ServerCompletionQueue* const accepts = queue.get();
    server = listener.Built(builder.BuildAndStart()).value();
    loop = std::make_unique<CompletionLoop>(std::move(queue));
    stub = ConsumerService::NewStub(MakeChannel(listener.address(), {.own_connection = true}));
    incoming.AsyncNotifyWhenDone(over.Tag());
    service.RequestValidateConsumer(&incoming, &request, &writer, accepts, accepts,
                                    requested.Tag());
  }
  ~OneCall() {
    server->Shutdown(std::chrono::system_clock::time_point());
    (void)requested.Wait();
    loop->Stop();
  }

  void Call(Duration timeout = 20s) {
    outgoing.set_deadline(ToTimespec(Deadline::After(std::chrono::steady_clock::now(), timeout)));
    reader = stub->PrepareAsyncValidateConsumer(&outgoing, request, loop->queue());
    reader->StartCall();
    reader->Finish(&response, &status, answered.Tag());
  }
  void Answer(const grpc::Status& with = grpc::Status::OK) {
    writer.Finish(ValidateConsumerResponse(), with, finished.Tag());
  }
};

TEST_CASE("tags of a call that is answered: all ok") {
  const bool error = GENERATE(false, true);
  OneCall call;
  call.Call();
  REQUIRE(call.requested.Wait() == Said::kOk);
  REQUIRE(call.over.now() == Said::kNothing);
  call.Answer(error ? grpc::Status(grpc::StatusCode::INTERNAL, "no") : grpc::Status::OK);
  REQUIRE(call.finished.Wait() == Said::kOk);
  REQUIRE(call.over.Wait() == Said::kOk);
  REQUIRE_FALSE(call.incoming.IsCancelled());
  REQUIRE(call.answered.Wait() == Said::kOk);  // also where the status is an error
  REQUIRE(call.status.error_code() == (error ? grpc::StatusCode::INTERNAL : grpc::StatusCode::OK));
}

TEST_CASE(
    "tags of a call whose caller leaves: the client's is ok, the notice too, the answer's not") {
  const bool by_deadline = GENERATE(false, true);
  OneCall call;
  call.Call(by_deadline ? Duration(100ms) : Duration(20s));
  REQUIRE(call.requested.Wait() == Said::kOk);
  if (!by_deadline) call.outgoing.TryCancel();
  REQUIRE(call.answered.Wait() == Said::kOk);
  REQUIRE(call.status.error_code() ==
          (by_deadline ? grpc::StatusCode::DEADLINE_EXCEEDED : grpc::StatusCode::CANCELLED));
  REQUIRE(call.over.Wait() == Said::kOk);
  REQUIRE(call.incoming.IsCancelled());
  call.Answer();
  REQUIRE(call.finished.Wait() == Said::kNotOk);
}

TEST_CASE("tags of a call that reaches nobody: the client's is ok") {
  OneCall call;
  call.server->Shutdown(std::chrono::system_clock::time_point());
  call.Call();
  REQUIRE(call.answered.Wait() == Said::kOk);
  REQUIRE(call.status.error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("tags of an accept that gets no call: not ok, and the notice never comes") {
  OneCall call;
  call.server->Shutdown(std::chrono::system_clock::time_point());
  REQUIRE(call.requested.Wait() == Said::kNotOk);
  call.loop->Stop();  // the queue is drained: what has not come will not
  REQUIRE(call.over.now() == Said::kNothing);
}

TEST_CASE("tags of an alarm: ok if its time came, not ok if it was cancelled") {
  const auto loop = ClientLoop();
  Told fired, cancelled;
  grpc::Alarm soon, late;
  soon.Set(loop->queue(), std::chrono::system_clock::time_point(), fired.Tag());
  late.Set(loop->queue(), std::chrono::system_clock::now() + 1h, cancelled.Tag());
  late.Cancel();
  REQUIRE(fired.Wait() == Said::kOk);
  REQUIRE(cancelled.Wait() == Said::kNotOk);
}

}  // namespace
}  // namespace lockstep::rpc
