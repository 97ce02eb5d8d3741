#include "common/fault/injector.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/limits.h"

namespace lockstep::fault {

Site& Injector::AddSite(std::string method) {
  const std::lock_guard lock(mutex_);
  return sites_.emplace_back(std::move(method));
}

Site* Injector::Find(std::string_view method) {
  const std::lock_guard lock(mutex_);
  return FindLocked(method);
}

Site* Injector::FindLocked(std::string_view method) {
  const auto place = std::find_if(sites_.begin(), sites_.end(),
                                  [&](const Site& site) { return site.method_ == method; });
  return place == sites_.end() ? nullptr : &*place;
}

Status Injector::Set(const std::vector<Rule>& rules, std::string_view field) {
  if (!allowed_ && !rules.empty()) {
    return MakeError(StatusCode::kFailedPrecondition, "FAULTS_DISABLED",
                     "this server was started with --no-faults; start it without to inject faults");
  }
  std::vector<FieldViolation> violations;
  if (rules.size() > static_cast<std::size_t>(limits::kFaultsMax)) {
    violations.push_back({std::string(field), fmt::format("must be at most {} faults, are {}",
                                                          limits::kFaultsMax, rules.size())});
    return InvalidRequest(std::move(violations));
  }
  const std::lock_guard lock(mutex_);
  std::vector<Site*> chosen;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto path = [&](std::string_view name) {
      return fmt::format("{}[{}].{}", field, i, name);
    };
    Site* const site = FindLocked(rules[i].method);
    if (site == nullptr) {
      violations.push_back(
          {path("method"),
           fmt::format("\"{}\" is no method of this server, so the fault could never "
                       "strike; write it as \"package.Service/Method\"",
                       rules[i].method)});
    } else if (std::find(chosen.begin(), chosen.end(), site) != chosen.end()) {
      violations.push_back({path("method"), "has a fault already; set one fault a method"});
    }
    if (rules[i].fixed_delay <= Duration::zero() || rules[i].fixed_delay > limits::kTimeoutMax) {
      violations.push_back({path("fixed_delay"), "must be above 0 s and at most 3600 s"});
    }
    chosen.push_back(site);
  }
  if (!violations.empty()) return InvalidRequest(std::move(violations));
  for (Site* site : set_) site->delay_ = 0;
  set_ = std::move(chosen);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    set_[i]->fired_ = 0;
    set_[i]->delay_ = rules[i].fixed_delay.count();
  }
  return OkStatus();
}

std::vector<Rule> Injector::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<Rule> rules;
  for (const Site* site : set_) {
    rules.push_back({site->method_, Duration(site->delay_.load()), site->fired_.load()});
  }
  return rules;
}

}  // namespace lockstep::fault
