// Settings by the paths of their fields, and the other small words of the tool.
#include "lab/fields.h"

#include "lab/comparison.h"
#include "lab/json.h"
#include "lab/loading.h"
#include "lab/names.h"
#include "lab/progress.h"
#include "lab/values.h"
#include "lockstep/control/v1/control.pb.h"
#include "tests/support/catch.h"

namespace lockstep::lab {
namespace {

using namespace std::chrono_literals;

TEST_CASE("fields are set by path, as people write values") {
  control::v1::Settings settings;
  REQUIRE(SetField(settings, "drop_expired", "true").ok());
  REQUIRE(SetField(settings, "call_limit", "5s").ok());
  REQUIRE(SetField(settings, "order.default_style", "non-blocking").ok());
  REQUIRE(SetField(settings, "order.pool_threads", "16").ok());
  REQUIRE(settings.drop_expired());
  REQUIRE(settings.call_limit().seconds() == 5);
  REQUIRE(settings.order().default_style() == call::v1::STYLE_NON_BLOCKING);
  REQUIRE(settings.order().pool_threads() == 16);
  REQUIRE(SetField(settings, "order.copy_age_max", "24h").ok());
  REQUIRE(settings.order().copy_age_max().seconds() == 24 * 3600);
  REQUIRE(SetField(settings, "call_limit", "none").ok());
  REQUIRE_FALSE(settings.has_call_limit());
}

TEST_CASE("unknown fields, groups and values that do not fit are errors that say what would") {
  control::v1::Settings settings;
  settings.mutable_order();
  for (const auto& [path, value, hint] :
       {std::tuple{"pool_threads", "1", "order.pool_threads"},
        std::tuple{"order", "1", "there is no field"},
        std::tuple{"order.pool_threads.x", "1", "there is no field"},
        std::tuple{"order.pool_threads", "many", "a whole number"},
        std::tuple{"order.pool_threads", "99999999999", "a whole number"},
        std::tuple{"drop_expired", "yes", "true or false"}, std::tuple{"call_limit", "5", "80ms"},
        std::tuple{"order.default_style", "quick", "blocking, non-blocking"},
        std::tuple{"order.default_style", "unspecified", "blocking, non-blocking"}}) {
    INFO(path << "=" << value);
    const Status status = SetField(settings, path, value);
    REQUIRE_FALSE(status.ok());
    REQUIRE_THAT(MessageOf(status), Catch::Contains(hint));
  }
}

TEST_CASE("fields are shown as they are set") {
  control::v1::Settings settings;
  REQUIRE(SetField(settings, "order.default_style", "blocking").ok());
  REQUIRE(SetField(settings, "order.reserve", "20ms").ok());
  std::map<std::string, std::string> texts;
  for (const auto& [path, text] : FieldTexts(settings)) texts[path] = text;
  REQUIRE(texts.at("order.default_style") == "blocking");
  REQUIRE(texts.at("order.reserve") == "20.0 ms");
  REQUIRE(texts.at("call_limit").empty());
}

TEST_CASE("styles and conditions are read, and unknown ones answered with those there are") {
  REQUIRE(*ParseStyle("non-blocking") == call::v1::STYLE_NON_BLOCKING);
  REQUIRE(ParseStyles("blocking,non-blocking")->size() == 2);
  REQUIRE_THAT(MessageOf(ParseStyle("async").status()), Catch::Contains("blocking, non-blocking"));
  REQUIRE((*ParseWays("thread-per-call,blocking"))[0].is_sync);
  REQUIRE_FALSE(ParseWays("blocking,").ok());
  REQUIRE(ParseSlow("consumer=80ms")->delay == 80ms);
  for (const char* text :
       {"consumer", "consumer=", "waiter=80ms", "consumer=80", "consumer=1ms=2"}) {
    INFO(text);
    REQUIRE_FALSE(ParseSlow(text).ok());
  }
}

TEST_CASE("a way repeats the plan in its style, each request with an id of its own") {
  std::vector<PlannedOrder> plan(2);
  plan[0].request.set_consumer_id("a");
  plan[1].request.set_consumer_id("b");
  const auto orders = Repeated(plan, (*ParseWays("blocking"))[0], "load", 3);
  REQUIRE(orders.size() == 3);
  REQUIRE(orders[2].request.consumer_id() == "a");
  REQUIRE(orders[2].request.request_id() == "load:blocking:2");
  REQUIRE(orders[2].request.options().style() == call::v1::STYLE_BLOCKING);
}

TEST_CASE("a menu is revised by what differs, and by nothing else") {
  restaurant::v1::Restaurant there, wanted;
  for (const char* id : {"same", "dearer", "gone"}) there.add_menu_items()->set_menu_item_id(id);
  for (const char* id : {"same", "dearer", "new"}) wanted.add_menu_items()->set_menu_item_id(id);
  wanted.mutable_menu_items(1)->mutable_price()->set_units(3);
  const auto revision = MenuRevision(there, wanted);
  REQUIRE(revision.put_items_size() == 2);
  REQUIRE(revision.put_items(0).menu_item_id() == "dearer");
  REQUIRE(revision.put_items(1).menu_item_id() == "new");
  REQUIRE(revision.remove_menu_item_ids_size() == 1);
  REQUIRE(revision.remove_menu_item_ids(0) == "gone");
}

TEST_CASE("progress says what, how many of how many, and how long still") {
  REQUIRE(ProgressText("replaying", 2500, 10'000, 4s, "3 refused") ==
          "replaying: 2,500 of 10,000, about 12 s more, 3 refused");
  REQUIRE(ProgressText("replaying", 0, 10, 4s, "") == "replaying: 0 of 10");
}

TEST_CASE("an error as JSON has its code, reason and fields") {
  const Json json = ErrorJson(InvalidRequest({{"lines[0].quantity", "must be 1 to 1000, is 0"}}));
  REQUIRE(TextOf(json, "code") == "INVALID_ARGUMENT");
  REQUIRE(TextOf(json, "reason") == "INVALID_REQUEST");
  REQUIRE_THAT(JsonText(json), Catch::Contains("lines[0].quantity"));
}

}  // namespace
}  // namespace lockstep::lab
