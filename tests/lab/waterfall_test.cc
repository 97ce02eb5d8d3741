// A receipt as a drawing: where each bar stands, and what is written beside it.
#include "lab/waterfall.h"

#include <sstream>

#include "common/rpc/proto_values.h"
#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

call::v1::DownstreamCall* AddCall(call::v1::Receipt& receipt, const char* peer, Duration start,
                                  Duration length, Duration deadline) {
  call::v1::DownstreamCall* call = receipt.add_calls();
  call->set_peer(peer);
  call->set_attempt(1);
  rpc::SetDuration(start, call->mutable_start());
  rpc::SetDuration(length, call->mutable_duration());
  rpc::SetDuration(deadline, call->mutable_deadline_sent());
  return call;
}

// 100 ms: 10 waiting for a thread, then two calls of 40 one after the other, then a commit of 10.
Attempt Blocking() {
  Attempt attempt;
  attempt.title = "blocking";
  attempt.measured = 100ms;
  attempt.timeout = 125ms;
  call::v1::Receipt& receipt = attempt.receipt;
  receipt.set_node("order");
  receipt.set_method("lockstep.order.v1.OrderService/CreateOrder");
  rpc::SetDuration(100ms, receipt.mutable_total());
  rpc::SetDuration(125ms, receipt.mutable_budget());
  rpc::SetDuration(10ms, receipt.mutable_queue_wait());
  rpc::SetDuration(90ms, receipt.mutable_thread_held());
  AddCall(receipt, "consumer", 10ms, 40ms, 115ms);
  AddCall(receipt, "restaurant", 50ms, 40ms, 75ms)->set_code(google::rpc::DEADLINE_EXCEEDED);
  rpc::SetDuration(10ms, receipt.mutable_commit()->mutable_duration());
  receipt.mutable_commit()->set_batch(1);
  return attempt;
}

// The bar of the row that contains a text: what stands between the times and the notes.
struct Row {
  std::size_t begin, end, deadline;
};

Row RowWith(const std::string& drawing, const std::string& text) {
  std::istringstream lines(drawing);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(text) == std::string::npos) continue;
    Row row{std::string::npos, 0, std::string::npos};
    std::size_t column = 0;
    for (std::size_t i = 0; i < line.size(); ++column) {
      const auto byte = static_cast<unsigned char>(line[i]);
      const std::size_t size = byte >= 0xE0 ? 3 : 1;
      const std::string glyph = line.substr(i, size);
      if (glyph == "█" || glyph == "─" || glyph == "░") {
        row.begin = std::min(row.begin, column);
        row.end = column + 1;
      }
      if (glyph == "┃") row.deadline = column;
      i += size;
    }
    return row;
  }
  FAIL("no row with " << text << " in\n" << drawing);
  return {};
}

TEST_CASE("bars stand where their times are, and the deadline where it falls") {
  const std::string drawing = DrawWaterfall({Blocking()}, 160);
  INFO(drawing);
  const Row caller = RowWith(drawing, "the caller waits");
  const Row consumer = RowWith(drawing, "ask consumer");
  const Row restaurant = RowWith(drawing, "ask restaurant");
  const Row commit = RowWith(drawing, "commit");
  const double scale = static_cast<double>(caller.end - caller.begin) / 100;  // columns per ms
  const auto near = [&](std::size_t column, double millis) {
    const double expected = static_cast<double>(caller.begin) + scale * millis;
    return std::abs(static_cast<double>(column) - expected) <= 1.01;
  };
  REQUIRE(near(consumer.begin, 10));
  REQUIRE(near(consumer.end, 50));
  REQUIRE(near(restaurant.begin, 50));
  REQUIRE(near(commit.begin, 90));
  REQUIRE(near(commit.end, 100));
  REQUIRE(near(caller.deadline, 124));
  REQUIRE_THAT(drawing, Catch::Contains("budget 125 ms"));
  REQUIRE_THAT(drawing, Catch::Contains("DEADLINE_EXCEEDED, 75.0 ms sent"));
}

TEST_CASE("two attempts share one scale") {
  Attempt quick = Blocking();
  quick.title = "non-blocking";
  quick.measured = 50ms;
  quick.receipt.clear_calls();
  quick.receipt.clear_thread_held();
  quick.receipt.clear_queue_wait();
  quick.receipt.clear_commit();
  rpc::SetDuration(50ms, quick.receipt.mutable_total());
  const std::string drawing = DrawWaterfall({Blocking(), quick}, 160);
  INFO(drawing);
  const std::size_t second = drawing.find("non-blocking");
  const Row slow = RowWith(drawing.substr(0, second), "the caller waits");
  const Row fast = RowWith(drawing.substr(second), "the caller waits");
  REQUIRE(fast.begin == slow.begin);
  const double ratio =
      static_cast<double>(fast.end - fast.begin) / static_cast<double>(slow.end - slow.begin);
  REQUIRE(ratio == Approx(0.5).margin(0.03));
}

TEST_CASE("a hop's own receipt stands inside its call, and a fault's delay is drawn apart") {
  Attempt attempt = Blocking();
  call::v1::Receipt* inner = attempt.receipt.mutable_calls(0)->mutable_receipt();
  inner->set_node("consumer");
  inner->set_method("lockstep.consumer.v1.ConsumerService/ValidateConsumer");
  rpc::SetDuration(30ms, inner->mutable_total());
  rpc::SetDuration(20ms, inner->mutable_fault_delay());
  const std::vector<Step> steps = StepsOf(attempt);
  const auto step = std::find_if(steps.begin(), steps.end(), [](const Step& candidate) {
    return candidate.name == "consumer ValidateConsumer";
  });
  REQUIRE(step != steps.end());
  REQUIRE(step->start == 15ms);  // the 10 ms of the way, half before it
  REQUIRE(step->delayed == 20ms);
  REQUIRE_THAT(DrawWaterfall({attempt}, 160), Catch::Contains("a fault delayed it by 20.0 ms"));
}

TEST_CASE(
    "what a copy answered is said with version and age, waiting for the end comes after the "
    "commit") {
  Attempt attempt = Blocking();
  attempt.receipt.clear_calls();
  call::v1::CopyRead* copy = attempt.receipt.add_copies();
  copy->set_peer("restaurant");
  copy->set_version(7);
  rpc::SetDuration(120ms, copy->mutable_age());
  attempt.receipt.add_copies()->set_peer("consumer");
  rpc::SetDuration(40ms, attempt.receipt.mutable_waited_for_final());
  const std::vector<Step> steps = StepsOf(attempt);
  const auto find = [&steps](const std::string& name) {
    const auto step = std::find_if(steps.begin(), steps.end(), [&name](const Step& candidate) {
      return candidate.name == name;
    });
    REQUIRE(step != steps.end());
    return *step;
  };
  CHECK(find("copy of restaurant").note == "version 7, 120 ms old");
  CHECK(find("copy of consumer").note.starts_with("none there"));
  const Step wait = find("waits for the final state");
  CHECK(wait.start == 60ms);
  CHECK(wait.length == 40ms);
  CHECK(find("commit").start == 50ms);
  CHECK(find("commit").length == 10ms);
}

TEST_CASE("an answer without a receipt is drawn as what the caller saw, a far deadline is said") {
  Attempt attempt;
  attempt.title = "non-blocking: UNAVAILABLE";
  attempt.measured = 2ms;
  attempt.timeout = 2s;
  const std::string drawing = DrawWaterfall({attempt}, 100);
  REQUIRE_THAT(drawing, Catch::Contains("the caller waits"));
  REQUIRE_THAT(drawing, Catch::Contains("2,000 ms, is beyond the right edge"));
}

}  // namespace
}  // namespace lockstep::lab
