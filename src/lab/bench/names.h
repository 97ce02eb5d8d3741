// Styles and codes by their names. Threads: any.
#pragma once

#include <fmt/format.h>
#include <google/rpc/code.pb.h>
#include <grpcpp/support/status.h>

#include <cstdlib>
#include <string>

#include "lockstep/call/v1/call.pb.h"

namespace lockstep::lab {

inline std::string CodeText(grpc::StatusCode code) {
  return google::rpc::Code_Name(static_cast<google::rpc::Code>(code));
}

// Ends the process if there is no such style.
inline call::v1::Style StyleOf(const std::string& name) {
  if (name == "blocking") return call::v1::STYLE_BLOCKING;
  if (name == "non-blocking") return call::v1::STYLE_NON_BLOCKING;
  if (name.empty()) return call::v1::STYLE_UNSPECIFIED;
  fmt::print(stderr, "there is no style {}; there are blocking and non-blocking\n", name);
  std::exit(2);
}

}  // namespace lockstep::lab
