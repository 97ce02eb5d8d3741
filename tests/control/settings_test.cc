// The settings of a server: what each field may be, masks, and that a change is whole.
#include "common/control/settings.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <string>
#include <thread>
#include <vector>

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace lockstep::control {
namespace {

Settings WithOrder() {
  Settings settings = DefaultSettings();
  *settings.mutable_order() = DefaultOrderSettings();
  return settings;
}

Settings FromJson(const std::string& json) {
  Settings settings;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &settings);
  INFO(json);
  REQUIRE(parsed.ok());
  return settings;
}

google::protobuf::FieldMask Mask(const std::vector<std::string>& paths) {
  google::protobuf::FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  return mask;
}

std::vector<std::string> FieldsOf(const Status& status) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : DetailOf(status).violations)
    fields.push_back(violation.field);
  return fields;
}

using Fields = std::vector<std::string>;

struct Case {
  std::string path;
  std::string value;  // as JSON
  bool stands;
};

std::string Json(const Case& one) {
  const std::size_t dot = one.path.find('.');
  if (dot == std::string::npos) return fmt::format(R"({{"{}": {}}})", one.path, one.value);
  return fmt::format(R"({{"{}": {{"{}": {}}}}})", one.path.substr(0, dot), one.path.substr(dot + 1),
                     one.value);
}

TEST_CASE("each field of the settings stands at its limits and not one past them") {
  const std::vector<Case> cases = {
      {"drop_expired", "false", true},
      {"drop_expired", "true", true},
      {"call_limit", R"("0.000000001s")", true},
      {"call_limit", R"("0s")", false},
      {"call_limit", "null", false},
      {"call_limit", R"("-1s")", false},
      {"call_limit", R"("3600s")", true},
      {"call_limit", R"("3600.000000001s")", false},
      {"calls_in_flight_max", "0", false},
      {"calls_in_flight_max", "1", true},
      {"calls_in_flight_max", "100000", true},
      {"calls_in_flight_max", "100001", false},
      {"calls_in_flight_max", "-1", false},
      {"order.default_style", "\"STYLE_BLOCKING\"", true},
      {"order.default_style", "\"STYLE_NON_BLOCKING\"", true},
      {"order.default_style", "\"STYLE_UNSPECIFIED\"", false},
      {"order.default_style", "99", false},
      {"order.default_style", "-1", false},
      {"order.deadline_policy", "\"DEADLINE_POLICY_NONE\"", true},
      {"order.deadline_policy", "\"DEADLINE_POLICY_RESERVE\"", true},
      {"order.deadline_policy", "0", false},
      {"order.deadline_policy", "5", false},
      {"order.consumer_timeout", R"("0.000000001s")", true},
      {"order.consumer_timeout", R"("0s")", false},
      {"order.consumer_timeout", "null", true},
      {"order.consumer_timeout", R"("3600s")", true},
      {"order.consumer_timeout", R"("3600.000000001s")", false},
      {"order.restaurant_timeout", R"("0.000000001s")", true},
      {"order.restaurant_timeout", R"("-0.000000001s")", false},
      {"order.restaurant_timeout", "null", true},
      {"order.restaurant_timeout", R"("3600s")", true},
      {"order.restaurant_timeout", R"("3600.000000001s")", false},
      {"order.reserve", "null", true},
      {"order.reserve", R"("0s")", true},
      {"order.reserve", R"("-0.000000001s")", false},
      {"order.reserve", R"("3600s")", true},
      {"order.reserve", R"("3600.000000001s")", false},
      {"order.reserve", R"("315576000000s")", false},
      {"order.wait_for_ready", "true", true},
      {"order.pool_threads", "0", false},
      {"order.pool_threads", "1", true},
      {"order.pool_threads", "1024", true},
      {"order.pool_threads", "1025", false},
      {"order.pool_queue", "-1", false},
      {"order.pool_queue", "0", true},
      {"order.pool_queue", "100000", true},
      {"order.pool_queue", "100001", false},
      {"order.copy_age_max", R"("0.000000001s")", true},
      {"order.copy_age_max", R"("0s")", false},
      {"order.copy_age_max", "null", false},
      {"order.copy_age_max", R"("86400s")", true},
      {"order.copy_age_max", R"("86400.000000001s")", false},
      {"order.validation_limit", R"("0.000000001s")", true},
      {"order.validation_limit", R"("-1s")", false},
      {"order.validation_limit", "null", false},
      {"order.validation_limit", R"("86400s")", true},
      {"order.validation_limit", R"("86400.000000001s")", false},
  };
  static_assert(limits::kTimeoutMax == std::chrono::seconds(3600));
  static_assert(limits::kCallsInFlightMax == 100'000 && limits::kPoolQueueMax == 100'000);
  static_assert(limits::kPoolThreadsMax == 1024);
  static_assert(limits::kLongTimeMax == std::chrono::hours(24));
  for (const Case& one : cases) {
    INFO(Json(one));
    SettingsBoard board(WithOrder());
    const StatusOr<Settings> changed = board.Update(FromJson(Json(one)), Mask({one.path}));
    CHECK(changed.ok() == one.stands);
    if (one.stands) continue;
    CHECK(changed.status().code() == StatusCode::kInvalidArgument);
    CHECK(FieldsOf(changed.status()) == Fields{"settings." + one.path});
    CHECK(board.Get()->SerializeAsString() == WithOrder().SerializeAsString());
  }
}

TEST_CASE("a duration whose nanos do not fit its seconds is refused") {
  SettingsBoard board(WithOrder());
  Settings settings;
  settings.mutable_call_limit()->set_seconds(1);
  settings.mutable_call_limit()->set_nanos(1'000'000'000);
  settings.mutable_order()->mutable_reserve()->set_seconds(1);
  settings.mutable_order()->mutable_reserve()->set_nanos(-1);
  const auto changed = board.Update(settings, Mask({"call_limit", "order.reserve"}));
  CHECK(FieldsOf(changed.status()) == Fields{"settings.call_limit", "settings.order.reserve"});
}

TEST_CASE("a mask names known fields, and of order only where the server has order settings") {
  SettingsBoard order(WithOrder());
  SettingsBoard other(DefaultSettings());
  const Settings settings = FromJson(R"({"order": {"pool_threads": 3}})");
  for (const std::vector<std::string>& paths :
       {Fields{}, Fields{""}, Fields{"*"}, Fields{"colour"}, Fields{"order.colour"},
        Fields{"order."}, Fields{"order.pool_threads.x"}, Fields{"call_limit.seconds"},
        Fields{"order.pool_threads", "colour"}}) {
    INFO(fmt::format("{} paths, the last is {}", paths.size(), paths.empty() ? "-" : paths.back()));
    const auto changed = order.Update(settings, Mask(paths));
    CHECK(FieldsOf(changed.status()) == Fields{"update_mask"});
  }
  CHECK(order.Get()->order().pool_threads() == limits::kPoolThreadsDefault);
  CHECK(order.Update(settings, Mask({"order.pool_threads", "order.pool_threads"})).ok());
  CHECK(order.Get()->order().pool_threads() == 3);

  const auto refused = other.Update(settings, Mask({"order.pool_threads"}));
  CHECK(FieldsOf(refused.status()) == Fields{"update_mask"});
  CHECK(MessageOf(refused.status()).find("only the order service") != std::string::npos);
  CHECK(!other.Update(settings, Mask({"order"})).ok());
  CHECK(!other.Get()->has_order());
}

TEST_CASE("a mask that names order takes over all of its fields") {
  SettingsBoard board(WithOrder());
  const auto refused = board.Update(FromJson(R"({"order": {"pool_threads": 3}})"), Mask({"order"}));
  CHECK(FieldsOf(refused.status()) ==
        Fields{"settings.order.default_style", "settings.order.deadline_policy",
               "settings.order.copy_age_max", "settings.order.validation_limit"});
  Settings settings;
  *settings.mutable_order() = DefaultOrderSettings();
  settings.mutable_order()->set_pool_threads(3);
  settings.mutable_order()->set_wait_for_ready(true);
  settings.mutable_order()->mutable_consumer_timeout()->set_seconds(2);
  settings.set_drop_expired(false);  // not named
  REQUIRE(board.Update(settings, Mask({"order"})).ok());
  CHECK(board.Get()->order().SerializeAsString() == settings.order().SerializeAsString());
  CHECK(board.Get()->drop_expired());
}

TEST_CASE("Consumer has settings of its own, and nobody else has them") {
  Settings initial = DefaultSettings();
  *initial.mutable_consumer() = DefaultConsumerSettings();
  SettingsBoard board(initial);
  CHECK(board
            .Update(FromJson(R"({"consumer": {"fraud_check": "FRAUD_CHECK_BEFOREHAND",
                                              "fraud_timeout": "0.2s", "reserve": "0.05s"}})"),
                    Mask({"consumer.fraud_check", "consumer.fraud_timeout", "consumer.reserve"}))
            .ok());
  CHECK(board.Get()->consumer().fraud_check() == v1::FRAUD_CHECK_BEFOREHAND);
  CHECK(board.Get()->consumer().deadline_policy() == call::v1::DEADLINE_POLICY_PROPAGATE);
  const auto refused = board.Update(
      FromJson(R"({"consumer": {"fraud_check": 9, "customer_timeout": "0s", "reserve": "-1s"}})"),
      Mask({"consumer"}));
  CHECK(FieldsOf(refused.status()) ==
        Fields{"settings.consumer.fraud_check", "settings.consumer.deadline_policy",
               "settings.consumer.customer_timeout", "settings.consumer.reserve"});
  CHECK(board.Get()->consumer().fraud_timeout().nanos() == 200'000'000);
  CHECK(board.Update(FromJson("{}"), Mask({"consumer.fraud_timeout"})).ok());
  CHECK_FALSE(board.Get()->consumer().has_fraud_timeout());
  CHECK_FALSE(board.Update(FromJson("{}"), Mask({"order"})).ok());
  SettingsBoard order(WithOrder());
  const auto elsewhere = order.Update(initial, Mask({"consumer.reserve"}));
  CHECK(FieldsOf(elsewhere.status()) == Fields{"update_mask"});
  CHECK(MessageOf(elsewhere.status()).find("only the consumer service") != std::string::npos);
}

TEST_CASE("a change is whole or does not happen, and listeners see each change once") {
  SettingsBoard board(WithOrder());
  std::vector<int> heard;
  board.Listen(
      [&heard](const Settings& settings) { heard.push_back(settings.order().pool_threads()); });
  CHECK(heard == std::vector<int>{64});
  const auto before = board.Get();
  const auto half = board.Update(FromJson(R"({"order": {"pool_threads": 8, "pool_queue": -1}})"),
                                 Mask({"order.pool_threads", "order.pool_queue"}));
  CHECK(FieldsOf(half.status()) == Fields{"settings.order.pool_queue"});
  CHECK(board.Get()->SerializeAsString() == before->SerializeAsString());
  CHECK(heard == std::vector<int>{64});

  const auto changed =
      board.Update(FromJson(R"({"order": {"pool_threads": 8}})"), Mask({"order.pool_threads"}));
  REQUIRE(changed.ok());
  CHECK(changed->order().pool_threads() == 8);
  CHECK(changed->order().pool_queue() == limits::kPoolQueueDefault);
  CHECK(heard == std::vector<int>{64, 8});
  CHECK(before->order().pool_threads() == 64);  // who holds the old ones keeps them

  board.Close();
  const auto late =
      board.Update(FromJson(R"({"order": {"pool_threads": 9}})"), Mask({"order.pool_threads"}));
  CHECK(late.status().code() == StatusCode::kUnavailable);
  CHECK(DetailOf(late.status()).reason == "STOPPING");
  CHECK(heard == std::vector<int>{64, 8});
}

TEST_CASE("an absent timeout takes the old one away") {
  SettingsBoard board(WithOrder());
  REQUIRE(board
              .Update(FromJson(R"({"order": {"consumer_timeout": "2s"}})"),
                      Mask({"order.consumer_timeout"}))
              .ok());
  REQUIRE(board.Get()->order().has_consumer_timeout());
  REQUIRE(board.Update(Settings(), Mask({"order.consumer_timeout"})).ok());
  CHECK(!board.Get()->order().has_consumer_timeout());
}

TEST_CASE("settings are read and changed by many threads at once") {
  SettingsBoard board(WithOrder());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&board, t] {
      for (int i = 1; i <= 200; ++i) {
        Settings settings;
        settings.mutable_order()->set_pool_threads(i);
        settings.mutable_order()->set_pool_queue(i);
        if (t % 2 == 0) {
          (void)board.Update(settings, Mask({"order.pool_threads", "order.pool_queue"}));
        } else {
          const auto now = board.Get();
          // Both or none: a reader never sees half a change.
          const bool whole = now->order().pool_threads() == now->order().pool_queue() ||
                             now->order().pool_queue() == limits::kPoolQueueDefault;
          if (!whole) std::abort();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(board.Get()->order().pool_threads() == 200);
}

TEST_CASE("what every server starts with is valid") {
  CHECK(ValidateSettings(DefaultSettings()).ok());
  CHECK(ValidateSettings(WithOrder()).ok());
  Settings settings = WithOrder();
  settings.mutable_order()->set_pool_threads(0);
  CHECK(FieldsOf(ValidateSettings(settings)) == Fields{"settings.order.pool_threads"});
}

}  // namespace
}  // namespace lockstep::control
