// Styles and codes by their names. Threads: any.
#pragma once

#include <fmt/format.h>
#include <google/rpc/code.pb.h>
#include <grpcpp/support/status.h>

#include <cstdlib>
#include <string>

#include "lab/names.h"
#include "lockstep/call/v1/call.pb.h"

namespace lockstep::lab {

inline std::string CodeText(grpc::StatusCode code) {
  return google::rpc::Code_Name(static_cast<google::rpc::Code>(code));
}

// "non-blocking"; empty: none. Ends the process if there is no such style.
inline call::v1::Style StyleOf(const std::string& name) {
  if (name.empty()) return call::v1::STYLE_UNSPECIFIED;
  const StatusOr<call::v1::Style> style = ParseStyle(name);
  if (style.ok()) return *style;
  fmt::print(stderr, "{}\n", MessageOf(style.status()));
  std::exit(2);
}

}  // namespace lockstep::lab
