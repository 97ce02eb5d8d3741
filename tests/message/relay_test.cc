#include "common/message/relay.h"

#include "tests/message/boxes.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;
using Words = std::vector<std::string>;

std::unique_ptr<rpc::CompletionLoop> ClientLoop() {
  return std::make_unique<rpc::CompletionLoop>(std::make_unique<grpc::CompletionQueue>());
}

TEST_CASE("What is committed to the outbox of one service has its effect in another, once") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Listening listening(receiver);
  const auto file = OpenFile(directory.File("outbox.db"));
  const auto loop = ClientLoop();
  const auto transport = MakeGrpcTransport({{"there", {listening.address()}}}, "sender", *loop);
  Relay relay(*file, *transport, Quick());
  relay.Start();
  std::map<std::string, Words> expected;
  for (int i = 0; i < 50; ++i) {
    const std::string key = fmt::format("k{}", i % 5);
    std::vector<v1::Envelope> notes;
    for (const int nth : {2 * i, 2 * i + 1}) {
      expected[key].push_back(std::to_string(nth));
      notes.push_back(Note(key, std::to_string(nth)));
    }
    Put(*file, "there", notes);
  }
  CHECK(Eventually([&] { return Count(receiver.path(), "effects") == 100; }));
  CHECK(Eventually([&] { return Count(file->path(), "outbox_waiting") == 0; }));
  for (const auto& [key, texts] : expected) CHECK(EffectsOf(receiver.path(), key) == texts);
  relay.Stop();
  CHECK(relay.counts().sent == 100);
  CHECK(Count(file->path(), "relay_leases") == 0);
  loop->Stop();
}

}  // namespace
}  // namespace lockstep::message
