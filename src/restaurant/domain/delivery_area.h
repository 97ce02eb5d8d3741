// Addresses, and where a restaurant delivers. Values; immutable once built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep::restaurant {

struct Address {
  std::string street;
  std::string city;
  std::string postal_code;
  friend bool operator==(const Address&, const Address&) = default;
};

// Without spaces and in upper case (ASCII), as postal codes are compared: "cb2 1rx" is "CB21RX".
std::string PlainPostalCode(std::string_view postal_code);

class DeliveryArea {
 public:
  DeliveryArea() = default;  // everywhere
  explicit DeliveryArea(std::vector<std::string> postal_code_prefixes);

  // As they were given.
  const std::vector<std::string>& postal_code_prefixes() const { return prefixes_; }
  // True if the postal code begins with one of the prefixes, or there are none.
  bool Contains(std::string_view postal_code) const;

  friend bool operator==(const DeliveryArea& a, const DeliveryArea& b) {
    return a.prefixes_ == b.prefixes_;
  }

 private:
  std::vector<std::string> prefixes_;
  std::vector<std::string> plain_;
};

}  // namespace lockstep::restaurant
