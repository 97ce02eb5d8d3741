#include "common/control/ready_file.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace lockstep::control {

Status WriteReadyFile(const std::string& path, const Ready& ready) {
  google::protobuf::Struct fields;
  const auto set = [&fields](const std::string& name, const std::string& value) {
    (*fields.mutable_fields())[name].set_string_value(value);
  };
  for (const auto& [name, address] : ready.more) set(name, address);
  set("node", ready.node);
  set("business", ready.business);
  set("control", ready.control);
  (*fields.mutable_fields())["pid"].set_number_value(getpid());
  std::string json;
  // Text and numbers can always be written.
  (void)google::protobuf::util::MessageToJsonString(fields, &json);

  const std::string beside = path + ".new";
  errno = 0;
  std::ofstream out(beside, std::ios::trunc);
  out << json << '\n';
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
