// The file that tells whoever started a server that every port accepts, and which they are.
#pragma once

#include <map>
#include <string>

#include "common/base/status.h"

namespace lockstep::control {

// {"node":"order","pid":123,"business":"127.0.0.1:50051","control":"127.0.0.1:50061"} and what the
// service adds.
struct Ready {
  std::string node;
  std::string business;
  std::string control;
  std::map<std::string, std::string> more;
};

// Whole or not at all: written beside and renamed. FAILED_PRECONDITION, reason READY_FILE_FAILED,
// names the file.
Status WriteReadyFile(const std::string& path, const Ready& ready);

// One of an earlier run must not be taken for ours. Does nothing where there is none.
void RemoveReadyFile(const std::string& path);

}  // namespace lockstep::control
