#include "common/control/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/validate.h"
#include "common/rpc/proto_values.h"

namespace lockstep::control {
namespace {

using google::protobuf::RepeatedPtrField;
using v1::OrderSettings;

bool RequireWellFormed(std::string_view field, const google::protobuf::Duration& value,
                       Violations& violations) {
  if (rpc::IsWellFormed(value)) return true;
  violations.Add(field, fmt::format("must have nanos within a second and of the sign of its "
                                    "seconds, has {} s and {} ns",
                                    value.seconds(), value.nanos()));
  return false;
}

void CheckTimeout(std::string_view field, const google::protobuf::Duration& value,
                  Violations& violations) {
  if (RequireWellFormed(field, value, violations))
    violations.RequireTimeout(field, rpc::ToDuration(value));
}

void CheckLongTime(std::string_view field, const google::protobuf::Duration& value,
                   Violations& violations) {
  if (RequireWellFormed(field, value, violations))
    violations.RequireTimeout(field, rpc::ToDuration(value), limits::kLongTimeMax);
}

void CheckReserve(std::string_view field, const google::protobuf::Duration& value,
                  Violations& violations) {
  if (!RequireWellFormed(field, value, violations)) return;
  const Duration reserve = rpc::ToDuration(value);
  if (reserve < Duration::zero() || reserve > limits::kTimeoutMax) {
    violations.Add(field, fmt::format("must be 0s to {}, is {}", DurationText(limits::kTimeoutMax),
                                      DurationText(reserve)));
  }
}

// STYLE_UNSPECIFIED and numbers without a name are refused: a default has to say something.
template <class Enum>
void CheckEnum(std::string_view field, Enum value, bool known, Violations& violations) {
  if (known && static_cast<int>(value) != 0) return;
  const auto* type = google::protobuf::GetEnumDescriptor<Enum>();
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) names.push_back(type->value(i)->name());
  }
  violations.Add(field, fmt::format("must be one of {}, is {}", fmt::join(names, ", "),
                                    static_cast<int>(value)));
}

// One field of the settings: how it is taken over, and what it may be.
struct Row {
  std::string_view path;  // of update_mask
  void (*copy)(const Settings& from, Settings& to);
  void (*check)(std::string_view field, const Settings& settings, Violations& violations);
};

constexpr Row kCommonRows[] = {
    {"drop_expired",
     [](const Settings& from, Settings& to) { to.set_drop_expired(from.drop_expired()); },
     [](std::string_view, const Settings&, Violations&) {}},
    {"call_limit",
     [](const Settings& from, Settings& to) { *to.mutable_call_limit() = from.call_limit(); },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       CheckTimeout(field, settings.call_limit(), violations);
     }},
    {"calls_in_flight_max",
     [](const Settings& from, Settings& to) {
       to.set_calls_in_flight_max(from.calls_in_flight_max());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       violations.RequireRange(field, settings.calls_in_flight_max(), 1, limits::kCallsInFlightMax);
     }},
};

constexpr Row kOrderRows[] = {
    {"order.default_style",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->set_default_style(from.order().default_style());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       const auto style = settings.order().default_style();
       CheckEnum(field, style, call::v1::Style_IsValid(style), violations);
     }},
    {"order.deadline_policy",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->set_deadline_policy(from.order().deadline_policy());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       const auto policy = settings.order().deadline_policy();
       CheckEnum(field, policy, call::v1::DeadlinePolicy_IsValid(policy), violations);
     }},
    {"order.consumer_timeout",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->clear_consumer_timeout();
       if (from.order().has_consumer_timeout())
         *to.mutable_order()->mutable_consumer_timeout() = from.order().consumer_timeout();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       if (settings.order().has_consumer_timeout())
         CheckTimeout(field, settings.order().consumer_timeout(), violations);
     }},
    {"order.restaurant_timeout",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->clear_restaurant_timeout();
       if (from.order().has_restaurant_timeout())
         *to.mutable_order()->mutable_restaurant_timeout() = from.order().restaurant_timeout();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       if (settings.order().has_restaurant_timeout())
         CheckTimeout(field, settings.order().restaurant_timeout(), violations);
     }},
    {"order.reserve",
     [](const Settings& from, Settings& to) {
       *to.mutable_order()->mutable_reserve() = from.order().reserve();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       CheckReserve(field, settings.order().reserve(), violations);
     }},
    {"order.wait_for_ready",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->set_wait_for_ready(from.order().wait_for_ready());
     },
     [](std::string_view, const Settings&, Violations&) {}},
    {"order.pool_threads",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->set_pool_threads(from.order().pool_threads());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       violations.RequireRange(field, settings.order().pool_threads(), 1, limits::kPoolThreadsMax);
     }},
    {"order.pool_queue",
     [](const Settings& from, Settings& to) {
       to.mutable_order()->set_pool_queue(from.order().pool_queue());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       violations.RequireRange(field, settings.order().pool_queue(), 0, limits::kPoolQueueMax);
     }},
    {"order.copy_age_max",
     [](const Settings& from, Settings& to) {
       *to.mutable_order()->mutable_copy_age_max() = from.order().copy_age_max();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       CheckLongTime(field, settings.order().copy_age_max(), violations);
     }},
    {"order.validation_limit",
     [](const Settings& from, Settings& to) {
       *to.mutable_order()->mutable_validation_limit() = from.order().validation_limit();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       CheckLongTime(field, settings.order().validation_limit(), violations);
     }},
};

constexpr Row kConsumerRows[] = {
    {"consumer.fraud_check",
     [](const Settings& from, Settings& to) {
       to.mutable_consumer()->set_fraud_check(from.consumer().fraud_check());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       const auto check = settings.consumer().fraud_check();
       CheckEnum(field, check, v1::FraudCheck_IsValid(check), violations);
     }},
    {"consumer.deadline_policy",
     [](const Settings& from, Settings& to) {
       to.mutable_consumer()->set_deadline_policy(from.consumer().deadline_policy());
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       const auto policy = settings.consumer().deadline_policy();
       CheckEnum(field, policy, call::v1::DeadlinePolicy_IsValid(policy), violations);
     }},
    {"consumer.fraud_timeout",
     [](const Settings& from, Settings& to) {
       to.mutable_consumer()->clear_fraud_timeout();
       if (from.consumer().has_fraud_timeout())
         *to.mutable_consumer()->mutable_fraud_timeout() = from.consumer().fraud_timeout();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       if (settings.consumer().has_fraud_timeout())
         CheckTimeout(field, settings.consumer().fraud_timeout(), violations);
     }},
    {"consumer.customer_timeout",
     [](const Settings& from, Settings& to) {
       to.mutable_consumer()->clear_customer_timeout();
       if (from.consumer().has_customer_timeout())
         *to.mutable_consumer()->mutable_customer_timeout() = from.consumer().customer_timeout();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       if (settings.consumer().has_customer_timeout())
         CheckTimeout(field, settings.consumer().customer_timeout(), violations);
     }},
    {"consumer.reserve",
     [](const Settings& from, Settings& to) {
       *to.mutable_consumer()->mutable_reserve() = from.consumer().reserve();
     },
     [](std::string_view field, const Settings& settings, Violations& violations) {
       CheckReserve(field, settings.consumer().reserve(), violations);
     }},
};

// The settings that only one service has.
struct Section {
  std::string_view name;
  std::span<const Row> rows;
  bool (*has)(const Settings& settings);
};
constexpr Section kSections[] = {
    {"order", kOrderRows, [](const Settings& settings) { return settings.has_order(); }},
    {"consumer", kConsumerRows, [](const Settings& settings) { return settings.has_consumer(); }},
};

std::vector<const Row*> AllRows(const Settings& settings) {
  std::vector<const Row*> rows;
  for (const Row& row : kCommonRows) rows.push_back(&row);
  for (const Section& section : kSections) {
    if (!section.has(settings)) continue;
    for (const Row& row : section.rows) rows.push_back(&row);
  }
  return rows;
}

// True if path is the name, or of what it names: "order" and "order.reserve" of "order".
bool IsOf(std::string_view path, std::string_view name) {
  return path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '.');
}

void CheckRows(const std::vector<const Row*>& rows, const Settings& settings,
               Violations& violations) {
  for (const Row* row : rows)
    row->check(fmt::format("settings.{}", row->path), settings, violations);
}

// The rows that the paths of a mask name. current: which settings there are.
std::vector<const Row*> MaskRows(const RepeatedPtrField<std::string>& paths,
                                 const Settings& current, Violations& violations) {
  const std::vector<const Row*> all_rows = AllRows(current);
  std::vector<const Row*> rows;
  if (paths.empty()) violations.Add("update_mask", "must name one field or more, is empty");
  for (const std::string& path : paths) {
    const Section* const elsewhere = std::find_if(
        std::begin(kSections), std::end(kSections),
        [&](const Section& section) { return IsOf(path, section.name) && !section.has(current); });
    if (elsewhere != std::end(kSections)) {
      violations.Add("update_mask",
                     fmt::format("must not name {}: only the {} service has {} settings",
                                 Quoted(path), elsewhere->name, elsewhere->name));
      continue;
    }
    bool known = false;
    for (const Row* row : all_rows) {
      if (!IsOf(row->path, path)) continue;
      known = true;
      rows.push_back(row);
    }
    if (known) continue;
    std::vector<std::string_view> names;
    for (const Row* row : all_rows) names.push_back(row->path);
    violations.Add("update_mask", fmt::format("must name fields out of {}, has {}",
                                              fmt::join(names, ", "), Quoted(path)));
  }
  return rows;
}

}  // namespace

Settings DefaultSettings() {
  Settings settings;
  settings.set_drop_expired(true);
  rpc::SetDuration(limits::kCallLimitDefault, settings.mutable_call_limit());
  settings.set_calls_in_flight_max(limits::kCallsInFlightDefault);
  return settings;
}

OrderSettings DefaultOrderSettings() {
  OrderSettings settings;
  settings.set_default_style(call::v1::STYLE_NON_BLOCKING);
  settings.set_deadline_policy(call::v1::DEADLINE_POLICY_PROPAGATE);
  rpc::SetDuration(Duration::zero(), settings.mutable_reserve());
  settings.set_pool_threads(limits::kPoolThreadsDefault);
  settings.set_pool_queue(limits::kPoolQueueDefault);
  rpc::SetDuration(limits::kCopyAgeMaxDefault, settings.mutable_copy_age_max());
  rpc::SetDuration(limits::kValidationLimitDefault, settings.mutable_validation_limit());
  return settings;
}

v1::ConsumerSettings DefaultConsumerSettings() {
  v1::ConsumerSettings settings;
  settings.set_fraud_check(v1::FRAUD_CHECK_ON_PATH);
  settings.set_deadline_policy(call::v1::DEADLINE_POLICY_PROPAGATE);
  rpc::SetDuration(Duration::zero(), settings.mutable_reserve());
  return settings;
}

Status ValidateSettings(const Settings& settings) {
  Violations violations;
  CheckRows(AllRows(settings), settings, violations);
  return violations.ToStatus();
}

SettingsBoard::SettingsBoard(Settings initial)
    : settings_(std::make_shared<const Settings>(std::move(initial))) {
  LOCKSTEP_CHECK(ValidateSettings(*settings_).ok());
}

std::shared_ptr<const Settings> SettingsBoard::Get() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

StatusOr<Settings> SettingsBoard::Update(const Settings& settings,
                                         const google::protobuf::FieldMask& mask) {
  const std::lock_guard update_lock(update_mutex_);
  if (closed_) {
    return MakeError(StatusCode::kUnavailable, "STOPPING",
                     "the server is stopping; its settings can no longer be changed");
  }
  auto changed = std::make_shared<Settings>(*Get());
  Violations violations;
  const std::vector<const Row*> rows = MaskRows(mask.paths(), *changed, violations);
  for (const Row* row : rows) row->copy(settings, *changed);
  CheckRows(rows, *changed, violations);
  if (!violations.empty()) return violations.ToStatus();
  {
    const std::lock_guard lock(mutex_);
    settings_ = changed;
  }
  for (const Listener& listener : listeners_) listener(*changed);
  return *changed;
}

void SettingsBoard::Listen(Listener listener) {
  const std::lock_guard lock(update_mutex_);
  listener(*Get());
  listeners_.push_back(std::move(listener));
}

void SettingsBoard::Close() {
  const std::lock_guard lock(update_mutex_);
  closed_ = true;
  listeners_.clear();
}

}  // namespace lockstep::control
