// A service's schema, and how its file gets there from any earlier version. The version of a file
// is its PRAGMA user_version: the number of scripts that have been run on it, each in a transaction
// of its own. Scripts are only ever added. Threads: any, before the file is in use; two processes
// may do it at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/store/database.h"

namespace lockstep::store {

struct Schema {
  std::int32_t application_id;                // PRAGMA application_id: whose file it is; not 0
  std::span<const std::string_view> scripts;  // scripts[n] makes version n + 1 of version n
};

// Opens the file for writing, creating it if it is not there, and brings it to the newest version.
// STORE_NEWER_VERSION and STORE_FOREIGN leave it unchanged.
StatusOr<std::unique_ptr<Database>> OpenWithSchema(const std::string& path, const Schema& schema,
                                                   DatabaseOptions options = {});

}  // namespace lockstep::store
