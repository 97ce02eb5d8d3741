// The page tokens of list calls: where the next page begins, in a form that callers have no reason
// to read. A token is good for the list that gave it out; any other text is refused, because the
// pages would silently be wrong. Pure; not a secret.
#pragma once

#include <string>
#include <string_view>

#include "common/base/validate.h"

namespace lockstep {

// list: which list, and with which filters; position: the last id of a page, at most kIdBytesMax.
std::string MakePageToken(std::string_view list, std::string_view position);

// What a list call asks for.
struct PageRequest {
  int size = 0;       // 1 to limits::kPageSizeMax
  std::string after;  // the position after which the page begins; empty: the first page
};

// Adds violations of page_size and page_token.
PageRequest ReadPageRequest(std::string_view list, int page_size, std::string_view page_token,
                            Violations& violations);

}  // namespace lockstep
