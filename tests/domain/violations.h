// What a test asks of the violations that it has provoked.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/validate.h"

namespace lockstep {

// "field: description" of each, in order.
inline std::vector<std::string> Said(const Status& status) {
  std::vector<std::string> said;
  for (const FieldViolation& violation : DetailOf(status).violations) {
    said.push_back(violation.field + ": " + violation.description);
  }
  return said;
}

inline std::vector<std::string> Said(const Violations& violations) {
  return Said(violations.ToStatus());
}

// The fields alone.
inline std::vector<std::string> Fields(const Violations& violations) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : DetailOf(violations.ToStatus()).violations) {
    fields.push_back(violation.field);
  }
  return fields;
}

template <typename... Parts>
std::vector<std::string> FieldsOf(const Parts&... parts) {
  Violations violations;
  Validate(parts..., violations);
  return Fields(violations);
}

using Strings = std::vector<std::string>;

}  // namespace lockstep
