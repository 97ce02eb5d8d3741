// The tables of lockstep-order's file. Money is in billionths of a unit, times are nanoseconds
// since 1970.
#pragma once

#include "common/store/migrations.h"

namespace lockstep::order {

// Its application id reads "lsOr".
const store::Schema& OrderSchema();

}  // namespace lockstep::order
