// A stream from a queue server: how it goes out, what bounds it, and all the ways in which it ends.
#include <atomic>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/rpc/status_details.h"
#include "tests/rpc/stream_server.h"
#include "tests/support/wait.h"

namespace lockstep::rpc {
namespace {

using namespace std::chrono_literals;
using test::Eventually;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

struct LastEnd : CallObserver {
  void Ended(const EndedCall& call) override {
    const std::lock_guard lock(mutex);
    begun = call.begun;
    ++count;
  }
  std::mutex mutex;
  bool begun = false;
  std::atomic<int> count = 0;
};

// One subscriber, as a program of the user's would be.
struct Reader {
  explicit Reader(const StreamServer& server, std::int64_t after = 0,
                  Deadline deadline = Deadline::Never())
      : stub(server.Stub()) {
    context.set_deadline(ToTimespec(deadline));
    SubscribeRequest request;
    request.set_after(after);
    stream = stub->Subscribe(&context, request);
  }
  // 0: the stream has ended.
  std::int64_t Next() {
    SubscribeResponse piece;
    return stream->Read(&piece) ? piece.head() : 0;
  }

  std::unique_ptr<FeedService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<SubscribeResponse>> stream;
};

TEST_CASE("a stream brings every piece in order and ends with OK") {
  LastEnd ends;
  StreamServer server(
      [](SubscribeStream& stream) {
        // From another thread than the loop's, as a reader of files does.
        std::thread([&stream] {
          SubscribeResponse piece;
          piece.set_head(1);
          stream.Write(piece, [&stream](bool) {
            SubscribeResponse last;
            last.set_head(2);
            stream.Write(last, [&stream](bool) { stream.Finish(); });
          });
        }).detach();
      },
      &ends);
  Reader reader(server);
  REQUIRE(reader.Next() == 1);
  REQUIRE(reader.Next() == 2);
  REQUIRE(reader.Next() == 0);
  REQUIRE(reader.stream->Finish().ok());
  REQUIRE(Eventually([&] { return server.rules().streams == 0; }));
  REQUIRE(server.rules().calls.now() == 0);
  REQUIRE(ends.count == 0);
}

TEST_CASE("finishing while a piece is under way lets it go out before") {
  std::atomic<bool> sent = false;
  StreamServer server([&](SubscribeStream& stream) {
    SubscribeResponse piece;
    piece.set_head(7);
    stream.Write(piece, [&](bool) { sent = true; });
    stream.Fail(MakeError(StatusCode::kFailedPrecondition, "FEED_POSITION_LOST", "it is gone"));
  });
  Reader reader(server);
  REQUIRE(reader.Next() == 7);
  REQUIRE(reader.Next() == 0);
  const Status status = FromGrpcStatus(reader.stream->Finish());
  REQUIRE(status.code() == StatusCode::kFailedPrecondition);
  REQUIRE(DetailOf(status).reason == "FEED_POSITION_LOST");
  REQUIRE_FALSE(sent);
}

TEST_CASE("a caller that does not read holds back the pieces") {
  constexpr int kPieces = 1'000;
  std::atomic<int> made = 0;
  const std::string payload(64 << 10, 'x');
  std::function<void(SubscribeStream&)> next = [&](SubscribeStream& stream) {
    if (made == kPieces) {
      stream.Finish();
      return;
    }
    SubscribeResponse piece;
    piece.set_head(++made);
    piece.add_changes()->set_payload(payload);
    stream.Write(piece, [&](bool ok) { ok ? next(stream) : stream.Finish(); });
  };
  StreamServer server([&](SubscribeStream& stream) { next(stream); });
  Reader reader(server);
  // Until nothing has moved for a while.
  int seen = -1;
  SteadyTime since = Now();
  REQUIRE(Eventually([&] {
    const int now = made;
    if (now != seen) since = Now();
    seen = now;
    return seen > 0 && Now() - since > 300ms;
  }));
  INFO("made " << seen);
  REQUIRE(seen < 200);  // of 64 KiB: what windows and sockets hold
  for (int number = 1; number <= kPieces; ++number) {
    if (reader.Next() != number) FAIL("piece " << number);
  }
  REQUIRE(reader.Next() == 0);
  REQUIRE(reader.stream->Finish().ok());
}

TEST_CASE("a stream whose caller leaves is told so, and is no work in vain") {
  LastEnd ends;
  std::atomic<bool> told = false;
  std::optional<CancelSource::Hook> hook;
  StreamServer server(
      [&](SubscribeStream& stream) {
        hook.emplace(stream.cancel_source(), [&] {
          told = true;
          stream.loop().Post([&] {
            hook.reset();
            stream.Finish(Status(StatusCode::kCancelled, "the caller has gone"));
          });
        });
      },
      &ends);
  Reader reader(server);
  REQUIRE(Eventually([&] { return server.rules().streams == 1; }));
  reader.context.TryCancel();
  REQUIRE(reader.Next() == 0);
  REQUIRE(Eventually([&] { return server.rules().streams == 0; }));
  REQUIRE(told);
  REQUIRE(ends.count == 0);
}

TEST_CASE(
    "a stream without a deadline outlives the limit of calls, one with a deadline ends by it") {
  Counting counting;
  StreamServer server([&](SubscribeStream& stream) { counting.Take(stream); });
  server.rules().call_limit = Duration(1ms).count();
  Reader unbounded(server);
  const SteadyTime begin = Now();
  Reader bounded(server, 0, Deadline::After(begin, 200ms));
  while (bounded.Next() != 0) {
  }
  REQUIRE(bounded.stream->Finish().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  REQUIRE(Now() - begin >= 200ms);
  REQUIRE(Eventually([&] { return counting.open() == 1; }));
  REQUIRE(unbounded.Next() == 1);
  unbounded.context.TryCancel();
  REQUIRE(Eventually([&] { return counting.open() == 0; }));
}

TEST_CASE("streams are no calls in flight and have a limit of their own") {
  Counting counting;
  LastEnd ends;
  StreamServer server([&](SubscribeStream& stream) { counting.Take(stream); }, &ends);
  server.rules().calls_in_flight_max = 1;
  server.rules().streams_max = 2;
  Reader one(server);
  Reader two(server);
  REQUIRE(one.Next() == 1);
  REQUIRE(two.Next() == 1);
  REQUIRE(server.rules().calls.now() == 0);
  REQUIRE(server.rules().streams == 2);
  Reader three(server);
  REQUIRE(three.Next() == 0);
  const Status refused = FromGrpcStatus(three.stream->Finish());
  REQUIRE(refused.code() == StatusCode::kResourceExhausted);
  REQUIRE(DetailOf(refused).reason == "STREAMS_MAX");
  REQUIRE(ends.count == 1);
  REQUIRE_FALSE(ends.begun);
  one.context.TryCancel();
  two.context.TryCancel();
  REQUIRE(Eventually([&] { return server.rules().streams == 0; }));
  REQUIRE(ends.count == 1);
}

TEST_CASE("a fault delays the beginning of a stream, not its pieces") {
  Counting counting;
  StreamServer server([&](SubscribeStream& stream) { counting.Take(stream); });
  REQUIRE(server.faults().Set({{kSubscribe, 200ms}}, "faults").ok());
  const SteadyTime begin = Now();
  Reader reader(server);
  REQUIRE(reader.Next() == 1);
  REQUIRE(Now() - begin >= 200ms);
  for (int number = 2; number <= 20; ++number) REQUIRE(reader.Next() == number);
  REQUIRE(Now() - begin < 2s);
  reader.context.TryCancel();
  REQUIRE(Eventually([&] { return counting.open() == 0; }));
}

TEST_CASE(
    "a server that stops cancels its streams after the grace, ended by their owner, at once") {
  Counting counting;
  StreamServer server([&](SubscribeStream& stream) { counting.Take(stream); });
  const bool by_owner = GENERATE(false, true);
  Reader reader(server, 5);
  REQUIRE(reader.Next() == 6);
  std::thread reading([&] {
    while (reader.Next() != 0) {
    }
  });
  const SteadyTime begin = Now();
  if (by_owner) counting.EndAll();
  server.server().Shutdown(by_owner ? 20s : 200ms);
  const Duration took = Now() - begin;
  reading.join();
  const grpc::Status status = reader.stream->Finish();
  INFO(status.error_message());
  if (by_owner) {
    REQUIRE(status.ok());
    REQUIRE(took < 10s);
  } else {
    REQUIRE_FALSE(status.ok());
    REQUIRE(took >= 200ms);
    REQUIRE(took < 10s);
  }
}

// One server with streams open, read by threads, left and stopped in a random order.
void Cycle(std::mt19937& random) {
  constexpr int kReaders = 4;
  Counting counting;
  StreamServer server([&](SubscribeStream& stream) { counting.Take(stream); });
  std::vector<std::thread> readers;
  const auto order = random() % 3;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&server, i, few = random() % 20] {
      Reader reader(server, 0, Deadline::After(Now(), i == 1 ? Duration(2ms) : Duration(30s)));
      std::int64_t last = 0;
      while (const std::int64_t number = reader.Next()) {
        if (number != last + 1) FAIL("piece " << number << " after " << last);
        last = number;
        if (i % 2 == 0 && number > static_cast<std::int64_t>(few)) break;
      }
      reader.context.TryCancel();
      reader.stream->Finish();
    });
  }
  if (order == 0) counting.EndAll();
  if (order == 1) {
    std::thread ending([&] { counting.EndAll(); });
    server.server().Shutdown(5s);
    ending.join();
  }
  server.server().Shutdown(order == 2 ? Duration(0s) : Duration(5s));
  for (std::thread& reader : readers) reader.join();
  if (server.rules().streams != 0) FAIL("streams left: " << server.rules().streams);
}

TEST_CASE("servers with streams open start and stop a thousand times", "[cycles]") {
  std::mt19937 random(20260801);
  for (int cycle = 0; cycle < 1000; ++cycle) Cycle(random);
}

}  // namespace
}  // namespace lockstep::rpc
