#include "common/message/transport.h"

#include "common/rpc/channel.h"
#include "common/rpc/status_details.h"
#include "tests/message/boxes.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;
using Words = std::vector<std::string>;

// A transport on a loop of its own.
class Client {
 public:
  explicit Client(const PeerAddresses& peers)
      : transport_(MakeGrpcTransport(peers, "test", loop_)) {}
  ~Client() { loop_.Stop(); }

  Transport& transport() { return *transport_; }
  void Begin(const std::string& destination, std::vector<v1::Envelope> batch,
             AnyInvocable<void(StatusOr<std::vector<Taken>>)> done, Duration timeout = 20s) {
    transport_->Deliver(destination, std::move(batch),
                        Deadline::After(Clock::Real().Now(), timeout), std::move(done));
  }
  StatusOr<std::vector<Taken>> Deliver(const std::string& destination,
                                       std::vector<v1::Envelope> batch, Duration timeout = 20s) {
    std::promise<StatusOr<std::vector<Taken>>> taken;
    Begin(
        destination, std::move(batch),
        [&taken](StatusOr<std::vector<Taken>> all) { taken.set_value(std::move(all)); }, timeout);
    return taken.get_future().get();
  }

 private:
  rpc::CompletionLoop loop_{std::make_unique<grpc::CompletionQueue>()};
  std::unique_ptr<Transport> transport_;
};

std::vector<v1::Envelope> Notes(int count) {
  std::vector<v1::Envelope> notes;
  for (int i = 0; i < count; ++i) notes.push_back(Note(std::to_string(i), "x"));
  return notes;
}

// Keeps a file's writer busy until it goes.
class HeldWriter {
 public:
  explicit HeldWriter(store::StoreFile& file) {
    file.writer().Submit(
        [this](store::Database&) {
          begun_.set_value();
          released_.get_future().wait();
          return OkStatus();
        },
        Deadline::Never(), [this](const store::CommitResult&) { ended_.set_value(); });
    begun_.get_future().wait();
  }
  ~HeldWriter() {
    released_.set_value();
    ended_.get_future().wait();
  }

 private:
  std::promise<void> begun_, released_, ended_;
};

TEST_CASE("Outcomes arrive as they were said, in order, with their reasons and fields") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  Client client({{"there", {listening.address()}}});
  receiver.Refuse("bad", Refusal("NO"));
  v1::Envelope nameless = Note("c", "1");
  nameless.clear_type();
  const v1::Envelope twice = Note("b", "1");
  const auto taken =
      client.Deliver("there", {Note("a", "bad"), Note("a", "2"), twice, twice, nameless});
  REQUIRE(taken.ok());
  CHECK(ReasonsOf(*taken) == Words{"NO", kKeyHeldBack, "OK", "duplicate", "INVALID_REQUEST"});
  CHECK((*taken)[0].status.code() == StatusCode::kFailedPrecondition);
  CHECK(MessageOf((*taken)[0].status) == "the test wants it so");
  CHECK(DetailOf((*taken)[4].status).violations.at(0).field == "type");
}

TEST_CASE("A delivery of no message, or of too many, is refused whole") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  Client client({{"there", {listening.address()}}});
  for (const int count : {0, limits::kDeliverEnvelopesMax + 1}) {
    const auto taken = client.Deliver("there", Notes(count));
    CHECK(taken.status().code() == StatusCode::kInvalidArgument);
    CHECK(DetailOf(taken.status()).violations.at(0).field == "envelopes");
  }
  CHECK(client.Deliver("there", Notes(limits::kDeliverEnvelopesMax)).ok());
  CHECK(Count(receiver.path(), "effects") == limits::kDeliverEnvelopesMax);
}

TEST_CASE("A receiver with too much to do says when to come again, and takes none") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  Client client({{"there", {listening.address()}}});
  constexpr int kFull = limits::kDeliverWaitingMax / limits::kDeliverEnvelopesMax;
  std::atomic<int> taken = 0;
  {
    const HeldWriter held(receiver.file());
    for (int i = 0; i < kFull; ++i) {
      client.Begin(
          "there", Notes(limits::kDeliverEnvelopesMax),
          [&taken](const StatusOr<std::vector<Taken>>& all) { taken += all.ok() ? 1 : 0; });
    }
    const std::size_t waiting = kFull * limits::kDeliverEnvelopesMax;
    REQUIRE(Eventually([&] { return receiver.file().writer().waiting() == waiting; }));
    const auto refused = client.Deliver("there", Notes(limits::kDeliverEnvelopesMax));
    CHECK(refused.status().code() == StatusCode::kResourceExhausted);
    CHECK(DetailOf(refused.status()).retry_after == limits::kRetryAfterFull);
    CHECK(receiver.file().writer().waiting() == waiting);
  }
  CHECK(Eventually([&] { return taken == kFull; }));
  CHECK(client.Deliver("there", Notes(1)).ok());
  CHECK(Count(receiver.path(), "effects") == kFull * limits::kDeliverEnvelopesMax + 1);
}

TEST_CASE("What waits for the store when its delivery's deadline passes is not begun") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  Listening listening(receiver);
  Client client({{"there", {listening.address()}}});
  REQUIRE(client.Deliver("there", Notes(1)).ok());  // it is connected: the deadline is the store's
  {
    const HeldWriter held(receiver.file());
    CHECK(client.Deliver("there", Notes(3), 250ms).status().code() ==
          StatusCode::kDeadlineExceeded);
    // Later by the server's clock than by the client's: gRPC rounds a timeout up on its way.
    REQUIRE(Eventually(
        [&] { return listening.rules().calls.CountAbandoned(Clock::Real().Now()) == 1; }));
  }
  CHECK(client.Deliver("there", Notes(1)).ok());
  CHECK(receiver.file().writer().counters().expired == 3);
  CHECK(Count(receiver.path(), "effects") == 2);
}

TEST_CASE("A relay that stops waits for no receiver that does not answer") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  const auto file = OpenFile(directory.File("outbox.db"));
  RelayOptions options = Quick();
  options.deliver_timeout = 1h;
  {
    Client client({{"there", {listening.address()}}});
    Relay relay(*file, client.transport(), options);
    const HeldWriter held(receiver.file());
    relay.Start();
    Put(*file, "there", Notes(3));
    REQUIRE(Eventually([&] { return receiver.file().writer().waiting() == 3; }));
    relay.Stop();
    CHECK(Count(file->path(), "outbox_waiting") == 3);
    CHECK(Count(file->path(), "relay_leases") == 0);
  }
  Client client({{"there", {listening.address()}}});
  Relay relay(*file, client.transport(), options);
  relay.Start();
  CHECK(Eventually([&] { return Count(file->path(), "outbox_waiting") == 0; }));
  CHECK(Count(receiver.path(), "effects") == 3);
}

TEST_CASE("After a failure the next address of a peer is used, and kept while it answers") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  std::string gone;
  {
    Receiver other(directory.File("other.db"));
    const Listening shortly(other);
    gone = shortly.address();
  }
  const Listening listening(receiver);
  Client client({{"there", {gone, listening.address()}}});
  CHECK(client.Deliver("there", Notes(1)).status().code() == StatusCode::kUnavailable);
  for (int i = 0; i < 3; ++i) CHECK(client.Deliver("there", Notes(1)).ok());
}

TEST_CASE("A mailbox of a caller is known by its loopback address, and no other address is") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  Client client({});
  CHECK(client.transport().Knows(listening.address()).ok());
  CHECK(client.Deliver(listening.address(), Notes(1)).ok());
  for (const std::string known : {"localhost:1", "[::1]:65535", "127.9.9.9:80"}) {
    CHECK(client.transport().Knows(known).ok());
  }
  for (const std::string unknown :
       {"order", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:80x", "127.evil.example:80", "localhost.example:80", ":80", ""}) {
    INFO(unknown);
    CHECK(DetailOf(client.transport().Knows(unknown)).reason == kPeerUnknown);
    CHECK(DetailOf(client.Deliver(unknown, Notes(1)).status()).reason == kPeerUnknown);
  }
}

}  // namespace
}  // namespace lockstep::message
