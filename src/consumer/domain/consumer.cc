#include "consumer/domain/consumer.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/limits.h"

namespace lockstep::consumer {
namespace {

constexpr std::string_view kDisplayName = "display_name";
constexpr std::string_view kState = "state";
constexpr std::string_view kOrderLimit = "order_limit";

void ValidateName(const Consumer& consumer, Violations& violations) {
  violations.RequireText("consumer.display_name", consumer.display_name,
                         limits::kDisplayNameBytesMax);
}

void ValidateState(const Consumer& consumer, Violations& violations) {
  if (consumer.state == State::kActive || consumer.state == State::kSuspended) return;
  violations.Add("consumer.state", fmt::format("must be STATE_ACTIVE or STATE_SUSPENDED, is {}",
                                               static_cast<int>(consumer.state)));
}

void ValidateLimit(const Consumer& consumer, Violations& violations) {
  const Money& limit = consumer.order_limit;
  if (limit.currency_code().empty()) {
    violations.Add("consumer.order_limit", "is required");
  } else if (limit.total_nanos() <= 0) {
    violations.Add("consumer.order_limit", fmt::format("must be above zero, is {}", limit.Text()));
  }
}

bool Names(const ConsumerUpdate& update, std::string_view path) {
  return std::find(update.mask.begin(), update.mask.end(), path) != update.mask.end();
}

}  // namespace

void ValidateNew(const Consumer& consumer, Violations& violations) {
  violations.RequireId("consumer.consumer_id", consumer.consumer_id);
  ValidateName(consumer, violations);
  if (consumer.state != State::kUnspecified) ValidateState(consumer, violations);
  ValidateLimit(consumer, violations);
}

void Validate(const ConsumerUpdate& update, Violations& violations) {
  violations.RequireId("consumer.consumer_id", update.consumer.consumer_id);
  violations.RequireMask(update.mask, {kDisplayName, kState, kOrderLimit});
  if (Names(update, kDisplayName)) ValidateName(update.consumer, violations);
  if (Names(update, kState)) ValidateState(update.consumer, violations);
  if (Names(update, kOrderLimit)) ValidateLimit(update.consumer, violations);
  violations.RequireVersion("expected_version", update.expected_version);
}

Consumer Begin(Consumer consumer, WallTime now) {
  if (consumer.state == State::kUnspecified) consumer.state = State::kActive;
  consumer.version = 1;
  consumer.create_time = now;
  consumer.update_time = now;
  return consumer;
}

StatusOr<Consumer> Apply(Consumer current, const ConsumerUpdate& update, WallTime now) {
  Status version = CheckVersion(fmt::format("consumer {}", current.consumer_id),
                                update.expected_version, current.version);
  if (!version.ok()) return version;
  Consumer changed = current;
  if (Names(update, kDisplayName)) changed.display_name = update.consumer.display_name;
  if (Names(update, kState)) changed.state = update.consumer.state;
  if (Names(update, kOrderLimit)) changed.order_limit = update.consumer.order_limit;
  if (changed == current) return current;
  ++changed.version;
  changed.update_time = now;
  return changed;
}

bool SameContent(const Consumer& a, const Consumer& b) {
  return a.consumer_id == b.consumer_id && a.display_name == b.display_name && a.state == b.state &&
         a.order_limit == b.order_limit;
}

}  // namespace lockstep::consumer
