// The names by which the command line and its tables call the values of the API's enums. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::lab {

// STYLE_NON_BLOCKING with prefix "STYLE_" is "non-blocking".
std::string PlainName(std::string_view enum_name, std::string_view prefix);
// The reverse: "non-blocking" is STYLE_NON_BLOCKING.
std::string EnumName(std::string_view plain_name, std::string_view prefix);

std::string StyleName(call::v1::Style style);
// INVALID_ARGUMENT lists the styles there are.
StatusOr<call::v1::Style> ParseStyle(std::string_view name);
// "blocking,non-blocking".
StatusOr<std::vector<call::v1::Style>> ParseStyles(std::string_view names);
StatusOr<call::v1::DeadlinePolicy> ParsePolicy(std::string_view name);

// Whether an order of the style is answered before it is judged.
bool AnswersFirst(call::v1::Style style);
// Whether it is judged by a copy of the owners' data.
bool JudgesByCopies(call::v1::Style style);

std::vector<std::string> SplitAt(std::string_view text, char separator);

}  // namespace lockstep::lab
