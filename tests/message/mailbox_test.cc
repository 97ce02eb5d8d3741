#include "common/message/mailbox.h"

#include "tests/message/boxes.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;
using Words = std::vector<std::string>;

TEST_CASE("A message has its effect once, however often it comes") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const v1::Envelope note = Note("a", "1");
  CHECK(ReasonsOf(receiver.Take({note})) == Words{"OK"});
  CHECK(ReasonsOf(receiver.Take({note, note})) == Words{"duplicate", "duplicate"});
  CHECK(Effects(receiver.path()) == Words{"a=1"});
  CHECK(receiver.after_commits() == 1);
  CHECK(receiver.mailbox().counts().taken == 1);
  CHECK(receiver.mailbox().counts().duplicates == 2);
}

TEST_CASE("A refused message has no effect and holds back those of its key alone") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  receiver.Refuse("bad", Refusal("NO"));
  const std::vector<v1::Envelope> notes = {Note("a", "1"), Note("a", "bad"), Note("b", "1"),
                                           Note("a", "3"), Note("b", "2"),   Note("a", "4")};
  CHECK(ReasonsOf(receiver.Take(notes)) ==
        Words{"OK", "NO", "OK", kKeyHeldBack, "OK", kKeyHeldBack});
  CHECK(Effects(receiver.path()) == Words{"a=1", "b=1", "b=2"});
  CHECK(Count(receiver.path(), "inbox") == 3);

  // The same again, once it is accepted: each has its effect, in the order of its key.
  receiver.Refuse("bad", OkStatus());
  CHECK(ReasonsOf(receiver.Take(notes)) ==
        Words{"duplicate", "OK", "duplicate", "OK", "duplicate", "OK"});
  CHECK(Effects(receiver.path()) == Words{"a=1", "b=1", "b=2", "a=bad", "a=3", "a=4"});
}

TEST_CASE("Messages without a key hold back nobody") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  receiver.Refuse("bad", Refusal("NO"));
  CHECK(ReasonsOf(receiver.Take({Note("", "bad"), Note("", "2")})) == Words{"NO", "OK"});
}

TEST_CASE("An envelope that cannot be understood is refused by name, and holds back its key") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  v1::Envelope unknown = Note("a", "1");
  unknown.set_type("letter");
  v1::Envelope huge = Note("b", std::string(limits::kEnvelopePayloadBytesMax + 1, 'x'));
  v1::Envelope nameless = Note("c", "1");
  nameless.clear_message_id();
  nameless.set_type_version(0);
  const std::vector<Taken> taken =
      receiver.Take({unknown, Note("a", "2"), huge, nameless, Note("d", "1")});
  CHECK(ReasonsOf(taken) ==
        Words{kMessageTypeUnknown, kKeyHeldBack, "INVALID_REQUEST", "INVALID_REQUEST", "OK"});
  CHECK(taken[0].status.code() == StatusCode::kUnimplemented);
  CHECK(DetailOf(taken[2].status).violations.at(0).field == "payload");
  CHECK(DetailOf(taken[3].status).violations.at(0).field == "message_id");
  CHECK(DetailOf(taken[3].status).violations.at(1).field == "type_version");
  CHECK(Effects(receiver.path()) == Words{"d=1"});
}

TEST_CASE("A message that has expired has no effect, unless it had it before") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  v1::Envelope heard = Note("a", "1");
  CHECK(ReasonsOf(receiver.Take({heard})) == Words{"OK"});
  v1::Envelope expired = Note("a", "2");
  for (v1::Envelope* envelope : {&heard, &expired}) {
    envelope->mutable_expire_time()->set_seconds(1);
  }
  CHECK(ReasonsOf(receiver.Take({heard, expired, Note("a", "3")})) ==
        Words{"duplicate", kMessageExpired, "OK"});
  CHECK(Effects(receiver.path()) == Words{"a=1", "a=3"});
}

TEST_CASE("After its deadline no message of a delivery is begun") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  const Deadline passed = Deadline::At(Clock::Real().Now());
  const std::vector<Taken> taken = receiver.Take({Note("a", "1"), Note("b", "1")}, passed);
  CHECK(ReasonsOf(taken) == Words{"BUDGET_GONE", "BUDGET_GONE"});
  CHECK_FALSE(CostsATry(taken[0].status));
  CHECK(Count(receiver.path(), "inbox") == 0);
}

TEST_CASE("A delivery of many messages keeps the order of each key over several commits") {
  const test::TempDir directory;
  Receiver receiver(directory.File("inbox.db"));
  receiver.Refuse("x-7", Refusal("NO"));
  std::vector<v1::Envelope> notes;
  Words expected;
  for (int i = 0; i < 600; ++i) {
    const std::string key(1, "xyz"[i % 3]);
    const std::string text = fmt::format("{}-{}", key, i / 3);
    notes.push_back(Note(key, text));
    if (key != "x" || i / 3 < 7) expected.push_back(key + "=" + text);
  }
  receiver.Take(notes);
  CHECK(Effects(receiver.path()) == expected);
}

}  // namespace
}  // namespace lockstep::message
