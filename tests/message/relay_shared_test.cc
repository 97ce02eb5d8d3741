// Several relays on one file, each with a StoreFile of its own, as several processes have.
#include <random>

#include "tests/message/direct_transport.h"

namespace lockstep::message {
namespace {

using namespace test_boxes;

void PutMany(store::StoreFile& file, int first, int count) {
  std::vector<v1::Envelope> notes;
  for (int i = first; i < first + count; ++i) {
    notes.push_back(Note(fmt::format("k{}", i % 7), std::to_string(i)));
  }
  Put(file, "a", notes);
}

// The effects of each key are its notes, once each and in order.
void CheckAllInOrder(const std::string& path, int count) {
  for (int key = 0; key < 7; ++key) {
    std::vector<std::string> expected;
    for (int i = key; i < count; i += 7) expected.push_back(std::to_string(i));
    CHECK(EffectsOf(path, fmt::format("k{}", key)) == expected);
  }
}

TEST_CASE("Two relays on one file send nothing twice, and a commit of either is sent") {
  Boxes boxes;
  const auto other_file = OpenFile(boxes.file->path(), 1ms);
  Relay other(*other_file, boxes.transport, Quick());
  other.Start();
  for (int i = 0; i < 20; ++i) PutMany(i % 2 == 0 ? *boxes.file : *other_file, 50 * i, 50);
  REQUIRE(boxes.Drained());
  CheckAllInOrder(boxes.a.path(), 1000);
  CHECK(boxes.a.mailbox().counts().duplicates == 0);
  CHECK(boxes.relay->counts().sent + other.counts().sent == 1000);
}

TEST_CASE("A relay that stops gives its leases back: the other goes on at once") {
  RelayOptions options = Quick();
  options.lease = 1h;
  Boxes boxes(options);
  PutMany(*boxes.file, 0, 7);
  REQUIRE(boxes.Drained());
  REQUIRE(Count(boxes.file->path(), "relay_leases") == 1);
  const auto other_file = OpenFile(boxes.file->path(), 1ms);
  Relay other(*other_file, boxes.transport, options);
  other.Start();
  boxes.transport.Set("a", Link::kGone);
  PutMany(*boxes.file, 7, 7);
  const std::size_t tried = boxes.transport.deliveries("a");
  REQUIRE(Eventually([&] { return boxes.transport.deliveries("a") > tried; }));
  CHECK(other.counts().sent == 0);
  boxes.relay->Stop();
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CHECK(other.counts().sent == 7);
  CheckAllInOrder(boxes.a.path(), 14);
}

TEST_CASE("What a killed process had the lease of is taken over when that ends, not before") {
  Boxes boxes;
  boxes.relay->Stop();
  const WallTime until = Clock::Real().WallNow() + 200ms;
  REQUIRE(Commit(*boxes.file, [until](store::Database& database) {
            return database.Run("INSERT INTO relay_leases VALUES ('a', 'killed', ?1)",
                                until.time_since_epoch().count());
          }).ok());
  PutMany(*boxes.file, 0, 7);
  boxes.Start();
  REQUIRE(boxes.Drained());
  CHECK(Clock::Real().WallNow() >= until);
  CHECK(boxes.transport.deliveries("a") == 1);
  CheckAllInOrder(boxes.a.path(), 7);
}

TEST_CASE("A relay that lost its lease while it was suspended sends no key out of order") {
  RelayOptions options = Quick();
  options.lease = 40ms;
  Boxes boxes(options);
  boxes.transport.Set("a", Link::kHeld);
  PutMany(*boxes.file, 0, 700);
  REQUIRE(Eventually([&] { return boxes.transport.deliveries("a") > 0; }));
  // Another process has sent the first half meanwhile, and stands at its end.
  REQUIRE(Commit(*boxes.file, [](store::Database& database) {
            return database.Run("UPDATE relay_leases SET holder = 'other', until = until + ?1",
                                Duration(100ms).count());
          }).ok());
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CheckAllInOrder(boxes.a.path(), 700);
}

// Everything at once, from a seed: refusals, lost answers, a receiver that goes, a relay that is
// restarted, two relays.
TEST_CASE("Whatever goes wrong on the way, each message has its effect once, in its key's order") {
  const unsigned seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto chance = [&random](unsigned of) { return random() % of == 0; };
  RelayOptions options = Quick();
  options.attempts_max = 1'000'000;
  options.batch_max = 16;
  options.lease = 100ms;
  Boxes boxes(options);
  const auto other_file = OpenFile(boxes.file->path(), 1ms);
  Relay other(*other_file, boxes.transport, options);
  other.Start();
  constexpr int kRounds = 60;
  std::vector<std::string> refused;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 20 * round; i < 20 * round + 20; ++i) {
      if (chance(8)) refused.push_back(std::to_string(i));
      if (!refused.empty() && refused.back() == std::to_string(i)) {
        boxes.a.Refuse(refused.back(), Refusal("NOT_YET"));
      }
    }
    PutMany(chance(2) ? *boxes.file : *other_file, 20 * round, 20);
    if (chance(3)) boxes.transport.Set("a", Link::kAnswersLost);
    if (chance(6)) boxes.transport.Set("a", Link::kGone);
    if (chance(2)) boxes.transport.Set("a", Link::kUp);
    if (chance(10)) boxes.Restart();
    if (chance(2) && !refused.empty()) {
      const std::size_t which = random() % refused.size();
      boxes.a.Refuse(refused[which], OkStatus());
      refused.erase(refused.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const std::string& text : refused) boxes.a.Refuse(text, OkStatus());
  boxes.transport.Set("a", Link::kUp);
  REQUIRE(boxes.Drained());
  CheckAllInOrder(boxes.a.path(), 20 * kRounds);
}

}  // namespace
}  // namespace lockstep::message
