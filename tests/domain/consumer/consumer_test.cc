// Consumers: what is allowed, how they change, and how they are judged.
#include "consumer/domain/consumer.h"

#include "consumer/domain/judge.h"
#include "tests/domain/violations.h"
#include "tests/support/catch.h"

namespace lockstep::consumer {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kCreated = WallTime(480'000h);
constexpr WallTime kNow = kCreated + 5min;

Money Pounds(std::int64_t units, std::int32_t nanos = 0) {
  return Money::Make("GBP", units, nanos).value();
}

Consumer Draft() {
  Consumer consumer;
  consumer.consumer_id = "alice";
  consumer.display_name = "Alice Ängström";
  consumer.order_limit = Pounds(50);
  return consumer;
}

Consumer Sample() { return Begin(Draft(), kCreated); }

Strings NewFields(const Consumer& consumer) {
  Violations violations;
  ValidateNew(consumer, violations);
  return Fields(violations);
}

struct Change {
  const char* what;
  void (*apply)(Consumer&);
  const char* field;  // that is named; empty: none
};

TEST_CASE("each field of a new consumer has its limit, and is named one past it") {
  const auto change = GENERATE(values<Change>({
      {"nothing", [](Consumer&) {}, ""},
      {"id at its limit", [](Consumer& c) { c.consumer_id.assign(64, 'a'); }, ""},
      {"id too long", [](Consumer& c) { c.consumer_id.assign(65, 'a'); }, "consumer.consumer_id"},
      {"no id", [](Consumer& c) { c.consumer_id.clear(); }, "consumer.consumer_id"},
      {"no name", [](Consumer& c) { c.display_name.clear(); }, "consumer.display_name"},
      {"name at its limit", [](Consumer& c) { c.display_name.assign(200, 'n'); }, ""},
      {"name too long", [](Consumer& c) { c.display_name.assign(201, 'n'); },
       "consumer.display_name"},
      {"name not UTF-8", [](Consumer& c) { c.display_name = "\xc3"; }, "consumer.display_name"},
      {"active", [](Consumer& c) { c.state = State::kActive; }, ""},
      {"suspended", [](Consumer& c) { c.state = State::kSuspended; }, ""},
      {"a state of the future", [](Consumer& c) { c.state = static_cast<State>(3); },
       "consumer.state"},
      {"no limit", [](Consumer& c) { c.order_limit = Money(); }, "consumer.order_limit"},
      {"a limit of nothing", [](Consumer& c) { c.order_limit = Pounds(0); },
       "consumer.order_limit"},
      {"a limit below zero", [](Consumer& c) { c.order_limit = Pounds(0, -1); },
       "consumer.order_limit"},
      {"the least limit", [](Consumer& c) { c.order_limit = Pounds(0, 1); }, ""},
      {"the largest limit", [](Consumer& c) { c.order_limit = Pounds(Money::kUnitsMax); }, ""},
  }));
  CAPTURE(change.what);
  Consumer consumer = Draft();
  change.apply(consumer);
  REQUIRE(NewFields(consumer) == (*change.field == '\0' ? Strings{} : Strings{change.field}));
}

TEST_CASE("a consumer begins active, at version 1") {
  const Consumer consumer = Sample();
  REQUIRE(consumer.state == State::kActive);
  REQUIRE(consumer.version == 1);
  REQUIRE(consumer.create_time == kCreated);
  REQUIRE(consumer.update_time == kCreated);
  Consumer suspended = Draft();
  suspended.state = State::kSuspended;
  suspended.version = 99;  // what the caller says of it is ignored
  REQUIRE(Begin(suspended, kCreated).state == State::kSuspended);
  REQUIRE(Begin(suspended, kCreated).version == 1);
}

TEST_CASE("creating again is a repetition if all but version and times is the same") {
  Consumer stored = Sample();
  stored.version = 7;
  stored.update_time = kNow;
  REQUIRE(SameContent(stored, Begin(Draft(), kNow)));
  void (*const changes[])(Consumer&) = {
      [](Consumer& c) { c.consumer_id = "bob"; },
      [](Consumer& c) { c.display_name = "Bob"; },
      [](Consumer& c) { c.state = State::kSuspended; },
      [](Consumer& c) { c.order_limit = Money::Make("EUR", 50, 0).value(); },
  };
  for (const auto change : changes) {
    Consumer other = stored;
    change(other);
    REQUIRE_FALSE(SameContent(stored, other));
  }
}

TEST_CASE("an update takes over what its mask names, and nothing else") {
  ConsumerUpdate update;
  update.consumer.consumer_id = "alice";
  update.consumer.display_name = "Alice B.";
  update.consumer.state = State::kSuspended;
  update.consumer.order_limit = Pounds(1);
  Consumer expected = Sample();
  expected.version = 2;
  expected.update_time = kNow;
  SECTION("display_name") {
    update.mask = {"display_name"};
    expected.display_name = "Alice B.";
  }
  SECTION("state") {
    update.mask = {"state"};
    expected.state = State::kSuspended;
  }
  SECTION("order_limit") {
    update.mask = {"order_limit"};
    expected.order_limit = Pounds(1);
  }
  SECTION("all of them") {
    update.mask = {"order_limit", "display_name", "state"};
    expected.display_name = "Alice B.";
    expected.state = State::kSuspended;
    expected.order_limit = Pounds(1);
  }
  REQUIRE(FieldsOf(update).empty());
  const StatusOr<Consumer> updated = Apply(Sample(), update, kNow);
  REQUIRE(updated.ok());
  REQUIRE(*updated == expected);
}

TEST_CASE("an update that changes nothing makes no new version") {
  ConsumerUpdate update;
  update.consumer = Sample();
  update.mask = {"display_name", "state", "order_limit"};
  const StatusOr<Consumer> updated = Apply(Sample(), update, kNow);
  REQUIRE(updated.ok());
  REQUIRE(*updated == Sample());
}

TEST_CASE("an update that expects another version is aborted") {
  ConsumerUpdate update;
  update.consumer.consumer_id = "alice";
  update.consumer.display_name = "Alice B.";
  update.mask = {"display_name"};
  update.expected_version = 1;
  REQUIRE(Apply(Sample(), update, kNow).ok());
  update.expected_version = 2;
  const Status status = Apply(Sample(), update, kNow).status();
  REQUIRE(status.code() == StatusCode::kAborted);
  REQUIRE(DetailOf(status).reason == "VERSION_MISMATCH");
}

TEST_CASE("only what the mask names is checked") {
  ConsumerUpdate update;
  update.consumer.consumer_id = "alice";
  REQUIRE(FieldsOf(update) == Strings{"update_mask"});
  update.mask = {"version"};
  REQUIRE(FieldsOf(update) == Strings{"update_mask"});
  update.mask = {"display_name"};
  REQUIRE(FieldsOf(update) == Strings{"consumer.display_name"});
  update.mask = {"state"};  // unspecified says nothing
  REQUIRE(FieldsOf(update) == Strings{"consumer.state"});
  update.mask = {"order_limit"};
  REQUIRE(FieldsOf(update) == Strings{"consumer.order_limit"});
  update.consumer.order_limit = Pounds(1);
  update.expected_version = -1;
  REQUIRE(FieldsOf(update) == Strings{"expected_version"});
  update.expected_version = 0;
  update.consumer.consumer_id = "ALICE";
  REQUIRE(FieldsOf(update) == Strings{"consumer.consumer_id"});
}

Question Asked(std::optional<Money> total = std::nullopt) { return {"order-1", "alice", total}; }

std::vector<Reason> ReasonsOf(const ConsumerVerdict& verdict) {
  std::vector<Reason> reasons;
  for (const Refusal& refusal : verdict.refusals) {
    REQUIRE_FALSE(refusal.message.empty());
    reasons.push_back(refusal.reason);
  }
  REQUIRE(verdict.accepted == reasons.empty());
  REQUIRE(verdict.order_limit.has_value() == verdict.accepted);
  REQUIRE(verdict.order_id == "order-1");
  REQUIRE(verdict.consumer_id == "alice");
  REQUIRE(verdict.judge_time == kNow);
  REQUIRE(verdict.node == "node-1");
  return reasons;
}

TEST_CASE("an active consumer is accepted, with the limit and the version judged") {
  const Consumer consumer = Sample();
  const ConsumerVerdict verdict = Judge(&consumer, Asked(), kNow, "node-1");
  REQUIRE(ReasonsOf(verdict).empty());
  REQUIRE(verdict.order_limit == Pounds(50));
  REQUIRE(verdict.consumer_version == 1);
}

TEST_CASE("each reason against an order, and all of them at once") {
  using Reasons = std::vector<Reason>;
  Consumer consumer = Sample();
  const auto reasons = [&](std::optional<Money> total) {
    return ReasonsOf(Judge(&consumer, Asked(std::move(total)), kNow, "node-1"));
  };
  REQUIRE(reasons(Pounds(50)).empty());
  REQUIRE(reasons(Pounds(50, 1)) == Reasons{Reason::kOrderLimitExceeded});
  const Money euros = Money::Make("EUR", 1, 0).value();
  REQUIRE(reasons(euros) == Reasons{Reason::kCurrencyMismatch});
  consumer.state = State::kSuspended;
  REQUIRE(reasons(std::nullopt) == Reasons{Reason::kConsumerSuspended});
  REQUIRE(reasons(Pounds(51)) == Reasons{Reason::kConsumerSuspended, Reason::kOrderLimitExceeded});
  REQUIRE(reasons(euros) == Reasons{Reason::kConsumerSuspended, Reason::kCurrencyMismatch});

  const ConsumerVerdict unknown = Judge(nullptr, Asked(Pounds(51)), kNow, "node-1");
  REQUIRE(ReasonsOf(unknown) == Reasons{Reason::kConsumerUnknown});
  REQUIRE(unknown.consumer_version == 0);
  REQUIRE(unknown.refusals[0].message == "there is no consumer alice");
}

TEST_CASE("a question names its order and its consumer") {
  REQUIRE(FieldsOf(Asked()).empty());
  REQUIRE(FieldsOf(Asked(Pounds(0))).empty());
  REQUIRE(FieldsOf(Question{}) == Strings{"order_id", "consumer_id"});
  REQUIRE(FieldsOf(Asked(Pounds(0, -1))) == Strings{"order_total"});
  REQUIRE(FieldsOf(Asked(Money())) == Strings{"order_total"});
}

}  // namespace
}  // namespace lockstep::consumer
