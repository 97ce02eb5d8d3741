#include "restaurant/domain/delivery_area.h"

#include <algorithm>
#include <utility>

namespace lockstep::restaurant {

std::string PlainPostalCode(std::string_view postal_code) {
  std::string plain;
  plain.reserve(postal_code.size());
  for (const char c : postal_code) {
    if (c == ' ') continue;
    plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return plain;
}

DeliveryArea::DeliveryArea(std::vector<std::string> postal_code_prefixes)
    : prefixes_(std::move(postal_code_prefixes)) {
  plain_.reserve(prefixes_.size());
  for (const std::string& prefix : prefixes_) plain_.push_back(PlainPostalCode(prefix));
}

bool DeliveryArea::Contains(std::string_view postal_code) const {
  if (plain_.empty()) return true;
  const std::string plain = PlainPostalCode(postal_code);
  return std::any_of(plain_.begin(), plain_.end(),
                     [&](const std::string& prefix) { return plain.starts_with(prefix); });
}

}  // namespace lockstep::restaurant
