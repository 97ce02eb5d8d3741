#include "common/rpc/proto_values.h"
#include "tests/message/direct_transport.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;
using Words = std::vector<std::string>;

Words Numbers(int count) {
  Words numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}
std::vector<v1::Envelope> Notes(const std::string& key, int count) {
  std::vector<v1::Envelope> notes;
  for (const std::string& text : Numbers(count)) notes.push_back(Note(key, text));
  return notes;
}

TEST_CASE("Where answers are lost, messages come again and have no second effect") {
  Boxes boxes;
  boxes.transport.Set("a", Link::kAnswersLost);
  Put(*boxes.file, "a", Notes("k", 10));
  REQUIRE(Eventually([&] { return boxes.a.mailbox().counts().duplicates >= 10; }));
  CHECK(boxes.Waiting() == 10);  // nobody has said that they were taken
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Numbers(10));
  CHECK(Count(boxes.file->path(), "outbox_waiting WHERE attempts > 0") == 0);
}

TEST_CASE("A receiver that is gone costs no message a try and holds up no other receiver") {
  Boxes boxes;
  boxes.transport.Set("a", Link::kGone);
  Put(*boxes.file, "a", Notes("k", 3));
  const auto tries = 2 * static_cast<std::size_t>(limits::kMessageAttempts);
  REQUIRE(Eventually([&] { return boxes.transport.deliveries("a") > tries; }));
  Put(*boxes.file, "b", Notes("k", 3));
  REQUIRE(Eventually([&] { return Count(boxes.b.path(), "effects") == 3; }));
  CHECK(Count(boxes.file->path(), "outbox_waiting WHERE attempts > 0") == 0);
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Numbers(3));
  CHECK(boxes.relay->counts().dead == 0);
}

TEST_CASE("A receiver that does not answer holds up no other receiver") {
  Boxes boxes;
  boxes.transport.Set("a", Link::kHeld);
  Put(*boxes.file, "a", Notes("k", 3));
  REQUIRE(Eventually([&] { return boxes.transport.deliveries("a") > 0; }));
  Put(*boxes.file, "b", Notes("k", 3));
  REQUIRE(Eventually([&] { return Count(boxes.b.path(), "effects") == 3; }));
  CHECK(boxes.transport.deliveries("a") == 1);
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Numbers(3));
}

TEST_CASE(
    "A message that is always refused goes to the dead letters, its key waits, others do not") {
  RelayOptions options = Quick();
  options.attempts_max = 5;
  Boxes boxes(options);
  boxes.a.Refuse("bad", Refusal("NO"));
  Put(*boxes.file, "a", {Note("k", "0"), Note("k", "bad"), Note("k", "1"), Note("k", "2")});
  Put(*boxes.file, "a", Notes("other", 5));
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Words{"0", "1", "2"});
  CHECK(EffectsOf(boxes.a.path(), "other") == Numbers(5));
  // The others did not wait for it, those of its key did.
  const Words effects = Effects(boxes.a.path());
  CHECK(std::find(effects.begin(), effects.end(), "other=4") <
        std::find(effects.begin(), effects.end(), "k=1"));
  const Words dead =
      Column(boxes.file->path(),
             "SELECT destination || ' ' || attempts || ' ' || error FROM dead_letters");
  REQUIRE(dead.size() == 1);
  CHECK(dead[0] == "a 5 FAILED_PRECONDITION NO: the test wants it so");
  CHECK(boxes.relay->counts().dead == 1);
  CHECK(boxes.relay->counts().failed == 5);
  CHECK(boxes.relay->counts().sent == 8);
}

TEST_CASE("A key that waits holds the thousands behind it in the file, and they follow in order") {
  Boxes boxes;
  boxes.a.Refuse("0", Refusal("NOT_YET"));
  RelayOptions options = Quick();
  options.attempts_max = 1'000'000;
  boxes.options = options;
  boxes.Restart();
  Put(*boxes.file, "a", Notes("k", 5000));
  Put(*boxes.file, "a", {Note("other", "last")});
  REQUIRE(Eventually([&] { return Count(boxes.a.path(), "effects") == 1; }));
  boxes.a.Refuse("0", OkStatus());
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Numbers(5000));
  CHECK(boxes.a.mailbox().counts().duplicates == 0);
}

TEST_CASE("After a restart a key still waits until its message is due, and its tries count on") {
  RelayOptions options = Quick();
  options.backoff_min = 1h;
  options.backoff_max = 2h;
  options.attempts_max = 3;
  Boxes boxes(options);
  boxes.a.Refuse("bad", Refusal("NO"));
  Put(*boxes.file, "a", {Note("k", "bad"), Note("k", "1")});
  REQUIRE(Eventually(
      [&] { return Count(boxes.file->path(), "outbox_waiting WHERE attempts = 1") == 1; }));
  boxes.Restart();
  Put(*boxes.file, "a", {Note("other", "1")});
  REQUIRE(Eventually([&] { return Count(boxes.a.path(), "effects") == 1; }));
  CHECK(boxes.a.tries("bad") == 1);
  CHECK(EffectsOf(boxes.a.path(), "k").empty());

  // Its time comes: two more tries are left.
  REQUIRE(Commit(*boxes.file, [](store::Database& database) {
            return database.Run("UPDATE outbox_waiting SET due_time = 0");
          }).ok());
  boxes.options.backoff_min = boxes.options.backoff_max = 1ms;
  boxes.Restart();
  REQUIRE(boxes.Drained());
  CHECK(boxes.a.tries("bad") == 3);
  CHECK(EffectsOf(boxes.a.path(), "k") == Words{"1"});
}

TEST_CASE("An expired message goes to the dead letters at once, and its key goes on") {
  Boxes boxes;
  v1::Envelope expired = Note("k", "old");
  expired.mutable_expire_time()->set_seconds(1);
  Put(*boxes.file, "a", {expired, Note("k", "new")});
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Words{"new"});
  CHECK(Column(boxes.file->path(), "SELECT substr(error, 1, 35) FROM dead_letters") ==
        Words{"FAILED_PRECONDITION MESSAGE_EXPIRED"});
}

TEST_CASE("A message that expires while its receiver is gone is given up without it") {
  Boxes boxes;
  boxes.transport.Set("a", Link::kGone);
  v1::Envelope expired = Note("k", "old");
  expired.mutable_expire_time()->set_seconds(1);
  Put(*boxes.file, "a", {expired, Note("k", "new")});
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "dead_letters") == 1; }));
  CHECK(boxes.Waiting() == 1);
}

TEST_CASE("What is for a caller that never comes back is given up, what is for a peer is not") {
  const std::string caller = "127.0.0.1:9";
  Boxes boxes;
  boxes.transport.Connect(caller, boxes.b);
  for (const std::string& destination : {caller, std::string("a")}) {
    boxes.transport.Set(destination, Link::kGone);
    v1::Envelope old = Note("k", "old");
    rpc::SetTime(Clock::Real().WallNow() - limits::kCallerMessageExpiry - 1s,
                 old.mutable_send_time());
    Put(*boxes.file, destination, {old, Note("k", "new")});
  }
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "dead_letters") == 1; }));
  CHECK(Column(boxes.file->path(), "SELECT destination || ' ' || error FROM dead_letters") ==
        Words{"127.0.0.1:9 MESSAGE_EXPIRED: it expired while 127.0.0.1:9 could not be reached"});
  const std::size_t more = boxes.transport.deliveries("a") + 3;
  REQUIRE(Eventually([&] { return boxes.transport.deliveries("a") > more; }));
  CHECK(boxes.Waiting() == 3);
  boxes.transport.Set("a", Link::kUp);
  boxes.transport.Set(caller, Link::kUp);
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Words{"old", "new"});
  CHECK(EffectsOf(boxes.b.path(), "k") == Words{"new"});
}

TEST_CASE("A receiver that has too much to do is left alone for as long as it asks") {
  Boxes boxes;
  ErrorDetail busy;
  busy.reason = "DELIVER_QUEUE_FULL";
  busy.retry_after = 120ms;
  boxes.transport.FailNext("a", MakeError(StatusCode::kResourceExhausted, "busy", busy));
  Put(*boxes.file, "a", Notes("k", 3));
  REQUIRE(boxes.Drained());
  const auto sent = boxes.transport.sent("a");
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].at - sent[0].at >= 120ms);
  CHECK(sent[1].notes == sent[0].notes);
}

TEST_CASE("A mark that cannot be written makes the message come again, without a second effect") {
  Boxes boxes;
  REQUIRE(Commit(*boxes.file, [](store::Database& database) {
            return database.Execute(
                "CREATE TRIGGER broken BEFORE DELETE ON outbox_waiting BEGIN "
                "SELECT RAISE(ABORT, 'broken'); END");
          }).ok());
  Put(*boxes.file, "a", Notes("k", 3));
  REQUIRE(Eventually([&] { return boxes.a.mailbox().counts().duplicates >= 6; }));
  CHECK(boxes.Waiting() == 3);
  REQUIRE(Commit(*boxes.file, [](store::Database& database) {
            return database.Execute("DROP TRIGGER broken");
          }).ok());
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Numbers(3));
}

TEST_CASE("A destination that nobody knows waits, and says so") {
  Boxes boxes;
  Put(*boxes.file, "nobody", Notes("k", 1));
  REQUIRE(Eventually([&] {
    const auto sent = boxes.relay->sent();
    return sent.size() == 1 && sent[0].error.find(kPeerUnknown) != std::string::npos;
  }));
  CHECK(boxes.Waiting() == 1);
  CHECK(Count(boxes.file->path(), "relay_leases") == 0);
}

}  // namespace
}  // namespace lockstep::message
