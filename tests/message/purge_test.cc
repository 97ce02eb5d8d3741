#include "common/message/relay_rows.h"
#include "tests/message/direct_transport.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;

std::vector<v1::Envelope> Notes(int count) {
  std::vector<v1::Envelope> notes;
  for (int i = 0; i < count; ++i) notes.push_back(Note("k", std::to_string(i)));
  return notes;
}

TEST_CASE("Sent and heard rows go after the retention, in batches, and what waits stays") {
  RelayOptions options = Quick();
  options.retention = Duration::zero();
  Boxes boxes(options);
  boxes.transport.Set("b", Link::kGone);
  Put(*boxes.file, "b", Notes(3));
  Put(*boxes.file, "a", Notes(2 * limits::kPurgeBatchRows + 7));
  REQUIRE(Commit(*boxes.file, [](store::Database& database) {
            return database.Run("INSERT INTO inbox VALUES ('heard', 1)");
          }).ok());
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "outbox") == 3; }));
  CHECK(Eventually([&] { return Count(boxes.file->path(), "inbox") == 0; }));
  CHECK(boxes.Waiting() == 3);
  // What waited longer than the purge goes as soon as it is sent.
  boxes.transport.Set("b", Link::kUp);
  REQUIRE(Eventually([&] { return Count(boxes.file->path(), "outbox") == 0; }));
  CHECK(Count(boxes.b.path(), "effects") == 3);
}

TEST_CASE("A purge takes no more than a batch, and nothing that is too young") {
  const test::TempDir directory;
  const auto file = OpenFile(directory.File("outbox.db"));
  Put(*file, "a", Notes(30));
  const WallTime now = Clock::Real().WallNow();
  Marks marks;
  for (int sequence = 1; sequence <= 20; ++sequence) marks.sent.push_back(sequence);
  bool more = false;
  bool something = false;
  const auto purge = [&](WallTime older_than) {
    return Commit(*file,
                  [&, older_than](store::Database& database) {
                    something = *SomethingToPurge(database, older_than);
                    const StatusOr<bool> purged = Purge(database, older_than, 15);
                    more = purged.ok() && *purged;
                    return purged.status();
                  })
        .ok();
  };
  REQUIRE(Commit(*file, [&](store::Database& database) {
            return WriteMarks(database, "a", marks, now);
          }).ok());
  REQUIRE(purge(now - 1h));
  CHECK_FALSE(something);
  CHECK(Count(file->path(), "outbox") == 30);
  REQUIRE(purge(now + 1h));
  CHECK(something);
  CHECK(more);
  CHECK(Count(file->path(), "outbox") == 15);
  REQUIRE(purge(now + 1h));
  CHECK(Count(file->path(), "outbox") == 10);
  CHECK(Count(file->path(), "outbox_waiting") == 10);
}

TEST_CASE("What is younger than the retention is kept") {
  Boxes boxes;
  Put(*boxes.file, "a", Notes(3));
  REQUIRE(boxes.Drained());
  CHECK_FALSE(Eventually([&] { return Count(boxes.file->path(), "outbox") != 3; }, 50ms));
}

}  // namespace
}  // namespace lockstep::message
