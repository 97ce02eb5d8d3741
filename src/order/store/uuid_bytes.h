// Order ids as they are stored: the 16 bytes of the UUID, which keep its order in time and are less
// than half its text.
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace lockstep::order {

// text: a UUID, see IsUuid.
std::string UuidBytes(std::string_view text);
std::string UuidText(std::string_view bytes);
// The smallest UUIDv7 of a moment, as bytes.
std::string FirstIdOf(WallTime time);

}  // namespace lockstep::order
