#include "order/styles/styles.h"

#include <algorithm>

#include "common/base/check.h"
#include "order/checks/blocking_check.h"
#include "order/checks/checkout_steps.h"
#include "order/checks/copy_check.h"
#include "order/checks/later_check.h"
#include "order/checks/non_blocking_check.h"
#include "order/checks/verdict_commands.h"

namespace lockstep::order {
namespace {

CheckoutStubs StubsOf(const StyleParts& parts) { return {parts.restaurant, parts.account}; }

Checks Blocking(const StyleParts& parts, rpc::CompletionLoop& /*loop*/) {
  return {std::make_unique<BlockingCheck<ConsumerWire>>(parts.consumer, parts.stopping),
          std::make_unique<BlockingCheck<RestaurantWire>>(parts.restaurant, parts.stopping),
          std::make_unique<CheckoutCommands>(),
          std::make_unique<BlockingSteps>(StubsOf(parts), parts.stopping)};
}

Checks NonBlocking(const StyleParts& parts, rpc::CompletionLoop& loop) {
  return {std::make_unique<NonBlockingCheck<ConsumerWire>>(parts.consumer, loop),
          std::make_unique<NonBlockingCheck<RestaurantWire>>(parts.restaurant, loop),
          std::make_unique<CheckoutCommands>(),
          std::make_unique<NonBlockingSteps>(StubsOf(parts), loop)};
}

// A copy answers the questions, but portions and money are their owners' alone.
Checks ByCopies(const CopyBooks& books, const StyleParts& parts, rpc::CompletionLoop& loop) {
  const CopyTerms& terms = parts.copies.terms();
  return {std::make_unique<CopyCheck<ConsumerCopies>>(books.consumers, terms),
          std::make_unique<CopyCheck<RestaurantCopies>>(books.restaurants, terms),
          std::make_unique<CheckoutCommands>(),
          std::make_unique<NonBlockingSteps>(StubsOf(parts), loop)};
}

Checks Replica(const StyleParts& parts, rpc::CompletionLoop& loop) {
  return ByCopies(parts.copies.of_feeds(), parts, loop);
}

Checks CommonData(const StyleParts& parts, rpc::CompletionLoop& loop) {
  return ByCopies(parts.copies.of_shared_file(), parts, loop);
}

Checks Deferred(const StyleParts& /*parts*/, rpc::CompletionLoop& /*loop*/) {
  return {std::make_unique<LaterCheck<ConsumerCheck>>(), std::make_unique<LaterCheck<MenuCheck>>(),
          std::make_unique<VerdictCommands>()};
}

Checks EventDriven(const StyleParts& /*parts*/, rpc::CompletionLoop& /*loop*/) {
  return {std::make_unique<LaterCheck<ConsumerCheck>>(), std::make_unique<LaterCheck<MenuCheck>>()};
}

}  // namespace

const std::vector<StyleRow>& StyleTable() {
  static const std::vector<StyleRow> table = {
      {Style::kBlocking, true, Blocking, true},
      {Style::kNonBlocking, false, NonBlocking, true},
      {Style::kReplica, false, Replica, false, &Copies::of_feeds},
      {Style::kDeferred, false, Deferred},
      {Style::kEventDriven, false, EventDriven, false, nullptr, nullptr},
      {Style::kCommonData, false, CommonData, false, &Copies::of_shared_file},
  };
  return table;
}

const StyleRow& RowOf(Style style) {
  const StyleRow& row = StyleTable().at(static_cast<std::size_t>(style));
  LOCKSTEP_CHECK(row.style == style);
  return row;
}

StyleChecks::StyleChecks(const StyleParts& parts, const std::vector<rpc::CompletionLoop*>& loops) {
  for (rpc::CompletionLoop* loop : loops) {
    OfLoop& of_loop = loops_.emplace_back();
    of_loop.loop = loop;
    for (const StyleRow& row : StyleTable())
      of_loop.by_style.push_back(row.make_checks(parts, *loop));
  }
}

const Checks& StyleChecks::For(Style style, const rpc::CompletionLoop& loop) const {
  const auto place = std::find_if(loops_.begin(), loops_.end(),
                                  [&](const OfLoop& one) { return one.loop == &loop; });
  LOCKSTEP_CHECK(place != loops_.end());
  return place->by_style.at(static_cast<std::size_t>(style));
}

}  // namespace lockstep::order
