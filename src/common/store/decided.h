// What a transaction has decided, where saying no is an outcome like another: an error of the
// transaction itself would roll it back, and make the others of its batch start again.
#pragma once

#include "common/base/status.h"

namespace lockstep::store {

template <typename Value>
struct Decided {
  Status refusal;         // not OK: nothing was done, and value says nothing
  Value value{};          // how it stands now
  bool repeated = false;  // it stood so before
};

}  // namespace lockstep::store
