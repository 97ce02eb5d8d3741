#include "common/message/desk.h"

#include "tests/message/direct_transport.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;
using Words = std::vector<std::string>;
using v1::StoredMessage;

RelayOptions OneTry() {
  RelayOptions options = Quick();
  options.attempts_max = 1;
  return options;
}

// With the sender's own mailbox, whose handler refuses what it is told to. Its file is another one
// here, which the desk does not mind.
struct DeskBoxes : Boxes {
  DeskBoxes() : Boxes(OneTry()) {}
  Receiver self{directory.File("self.db")};
  Desk desk{*file, *relay, self.mailbox()};
};

TEST_CASE("The backlog says what waits for whom, how old it is, what was sent and what failed") {
  DeskBoxes boxes;
  boxes.transport.Set("a", Link::kGone);
  v1::Envelope old = Note("k", "1");
  old.mutable_send_time()->set_seconds(old.send_time().seconds() - 100);
  Put(*boxes.file, "a", {old, Note("k", "2")});
  Put(*boxes.file, "b", {Note("k", "1")});
  REQUIRE(Eventually([&] { return boxes.relay->counts().sent == 1; }));
  REQUIRE(Eventually([&] { return boxes.Waiting() == 2; }));
  const auto backlog = boxes.desk.GetBacklog();
  REQUIRE(backlog.ok());
  REQUIRE(backlog->destinations_size() == 2);
  const v1::DestinationBacklog& a = backlog->destinations(0);
  CHECK(a.destination() == "a");
  CHECK(a.waiting() == 2);
  CHECK(a.oldest_age().seconds() >= 100);
  CHECK(a.oldest_age().seconds() < 160);
  CHECK(a.sent() == 0);
  CHECK(a.error() == "UNAVAILABLE GONE: nobody there");
  const v1::DestinationBacklog& b = backlog->destinations(1);
  CHECK(b.destination() == "b");
  CHECK(b.waiting() == 0);
  CHECK_FALSE(b.has_oldest_age());
  CHECK(b.sent() == 1);
  CHECK(b.error().empty());
}

TEST_CASE("Messages are listed by box, destination and id, with how many there are") {
  DeskBoxes boxes;
  boxes.transport.Set("a", Link::kGone);
  boxes.transport.Set("b", Link::kGone);
  const v1::Envelope one = Note("k", "1");
  Put(*boxes.file, "a", {one, Note("k", "2"), Note("k", "3")});
  Put(*boxes.file, "b", {Note("k", "4")});
  const auto all = boxes.desk.List(StoredMessage::BOX_OUTBOX, "", "", 2);
  REQUIRE(all.ok());
  CHECK(all->total == 4);
  REQUIRE(all->messages.size() == 2);
  CHECK(all->messages[0].envelope().payload() == "1");
  CHECK(all->messages[0].destination() == "a");
  CHECK(boxes.desk.List(StoredMessage::BOX_OUTBOX, "b", "", 10)->messages.size() == 1);
  CHECK(boxes.desk.List(StoredMessage::BOX_OUTBOX, "", one.message_id(), 10)->total == 1);
  CHECK(boxes.desk.List(StoredMessage::BOX_DEAD_LETTERS, "", "", 10)->total == 0);
  CHECK(boxes.desk.List(StoredMessage::BOX_UNSPECIFIED, "", "", 10).status().code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("A message that waits for its next try says when that is") {
  DeskBoxes boxes;
  boxes.options.attempts_max = 2;
  boxes.options.backoff_min = boxes.options.backoff_max = 1h;
  boxes.Restart();
  boxes.a.Refuse("bad", Refusal("NO"));
  Put(*boxes.file, "a", {Note("k", "bad")});
  REQUIRE(Eventually(
      [&] { return Count(boxes.file->path(), "outbox_waiting WHERE attempts = 1") == 1; }));
  const auto page = Desk(*boxes.file, *boxes.relay, boxes.self.mailbox())
                        .List(StoredMessage::BOX_OUTBOX, "", "", 10);
  REQUIRE(page.ok());
  REQUIRE(page->messages.size() == 1);
  CHECK(page->messages[0].attempts() == 1);
  CHECK(page->messages[0].error() == "FAILED_PRECONDITION NO: the test wants it so");
  CHECK(page->messages[0].has_next_attempt_time());
}

TEST_CASE("A dead letter is sent again, or dropped, or is unknown") {
  DeskBoxes boxes;
  for (const std::string text : {"x", "y"}) boxes.a.Refuse(text, Refusal("NO"));
  const v1::Envelope x = Note("k", "x");
  const v1::Envelope y = Note("k", "y");
  Put(*boxes.file, "a", {x, y});
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "dead_letters") == 2; }));
  CHECK(boxes.desk.GetBacklog()->dead_letters() == 2);

  boxes.a.Refuse("x", OkStatus());
  const auto redriven = boxes.desk.Redrive(x.message_id());
  REQUIRE(redriven.ok());
  CHECK(redriven->box() == StoredMessage::BOX_OUTBOX);
  CHECK(redriven->attempts() == 0);
  REQUIRE(boxes.Drained());
  CHECK(EffectsOf(boxes.a.path(), "k") == Words{"x"});

  const auto dropped = boxes.desk.Drop(y.message_id());
  REQUIRE(dropped.ok());
  CHECK(dropped->envelope().payload() == "y");
  CHECK(Count(boxes.file->path(), "dead_letters") == 0);
  CHECK(DetailOf(boxes.desk.Drop(y.message_id()).status()).reason == "MESSAGE_UNKNOWN");
  CHECK(DetailOf(boxes.desk.Redrive(y.message_id()).status()).reason == "MESSAGE_UNKNOWN");
}

TEST_CASE("A message that waits or was sent is no dead letter, and says so") {
  DeskBoxes boxes;
  boxes.transport.Set("b", Link::kGone);
  const v1::Envelope sent = Note("k", "sent");
  const v1::Envelope waits = Note("k", "waits");
  Put(*boxes.file, "a", {sent});
  REQUIRE(boxes.Drained());
  Put(*boxes.file, "b", {waits});
  for (const v1::Envelope* const message : {&sent, &waits}) {
    for (const auto& refused :
         {boxes.desk.Redrive(message->message_id()), boxes.desk.Drop(message->message_id())}) {
      CHECK(refused.status().code() == StatusCode::kFailedPrecondition);
      CHECK(DetailOf(refused.status()).reason == "MESSAGE_NOT_DEAD");
      CHECK(DetailOf(refused.status()).metadata.at("message_id") == message->message_id());
    }
  }
  CHECK(boxes.Waiting() == 1);
}

TEST_CASE("A dead letter that is refused again is one again, and an expired one is not sent") {
  DeskBoxes boxes;
  boxes.a.Refuse("x", Refusal("NO"));
  const v1::Envelope x = Note("k", "x");
  v1::Envelope expired = Note("k", "old");
  expired.mutable_expire_time()->set_seconds(1);
  Put(*boxes.file, "a", {x, expired});
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "dead_letters") == 2; }));
  const int tries = boxes.a.tries("x");
  REQUIRE(boxes.desk.Redrive(x.message_id()).ok());
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "dead_letters") == 2; }));
  CHECK(boxes.a.tries("x") == tries + 1);
  CHECK(DetailOf(boxes.desk.Redrive(expired.message_id()).status()).reason == kMessageExpired);
  CHECK(Count(boxes.file->path(), "dead_letters") == 2);
}

TEST_CASE("A dead letter of our own is handled again at once, and stays if it is refused again") {
  DeskBoxes boxes;
  const v1::Envelope x = Note("k", "x");
  const auto put = [&](store::Database& database) {
    return PutIntoDeadLetters(database, kSelf, x, 8, "NO", Clock::Real().WallNow());
  };
  REQUIRE(Commit(*boxes.file, put).ok());
  boxes.self.Refuse("x", Refusal("STILL_NOT"));
  const auto refused = boxes.desk.Redrive(x.message_id());
  REQUIRE(refused.ok());
  CHECK(refused->box() == StoredMessage::BOX_DEAD_LETTERS);
  CHECK(refused->attempts() == 9);
  CHECK(Column(boxes.file->path(), "SELECT attempts || ' ' || error FROM dead_letters") ==
        Words{"9 FAILED_PRECONDITION STILL_NOT: the test wants it so"});

  boxes.self.Refuse("x", OkStatus());
  const auto handled = boxes.desk.Redrive(x.message_id());
  REQUIRE(handled.ok());
  CHECK(handled->box() == StoredMessage::BOX_UNSPECIFIED);
  CHECK(Count(boxes.file->path(), "dead_letters") == 0);
  CHECK(EffectsOf(boxes.self.path(), "k") == Words{"x"});
}

}  // namespace
}  // namespace lockstep::message
