#include "common/control/ready_file.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace lockstep::control {
namespace {

// Not by a google.protobuf.Struct: its maps crash under ThreadSanitizer, because the library that
// they share with us is not instrumented.
std::string Quoted(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(value, &json);  // text can always be written
  return json;
}

}  // namespace

Status WriteReadyFile(const std::string& path, const Ready& ready) {
  std::string json =
      fmt::format(R"({{"node":{},"pid":{},"business":{},"control":{})", Quoted(ready.node),
                  getpid(), Quoted(ready.business), Quoted(ready.control));
  for (const auto& [name, address] : ready.more)
    json += fmt::format(",{}:{}", Quoted(name), Quoted(address));
  json += "}\n";

  const std::string beside = path + ".new";
  errno = 0;
  std::ofstream out(beside, std::ios::trunc);
  out << json;
  out.close();
  if (!out.fail() && std::rename(beside.c_str(), path.c_str()) == 0) return OkStatus();
  const int error = errno;
  RemoveReadyFile(beside);
  return MakeError(StatusCode::kFailedPrecondition, "READY_FILE_FAILED",
                   fmt::format("cannot write the ready file {}: {}; choose a path in a directory "
                               "that exists and can be written",
                               path, std::strerror(error)));
}

void RemoveReadyFile(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace lockstep::control
