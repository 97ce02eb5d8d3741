// The fields of a message by their paths, "order.pool_threads", read and written as people write
// them: durations as "80ms", values of enums as "non-blocking". For settings and ledgers, whatever
// fields they have. Pure.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace lockstep::lab {

// Every field that can be read, in the order of the .proto file; what is not set has an empty text.
std::vector<std::pair<std::string, std::string>> FieldTexts(
    const google::protobuf::Message& message);

// INVALID_ARGUMENT lists the fields there are, or says what the field takes. "none" takes a
// duration away.
Status SetField(google::protobuf::Message& message, const std::string& path,
                const std::string& text);

}  // namespace lockstep::lab
