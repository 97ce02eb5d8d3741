// UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 bits that order and tell apart
// what is made within one. Time-ordered, so an index of them grows at its end. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace lockstep {

// A new id: "0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d". Those of one process are strictly increasing.
std::string NewId(WallTime now);

// True for the canonical text form, in lower case, of any UUID.
bool IsUuid(std::string_view text);

}  // namespace lockstep
