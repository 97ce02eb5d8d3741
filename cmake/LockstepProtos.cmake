# Generates C++ from protos/ into one library, lockstep_protos, and the one precompiled header, lockstep_pch.

set(proto_root "${PROJECT_SOURCE_DIR}/protos")
set(proto_out "${PROJECT_BINARY_DIR}/generated")
file(GLOB_RECURSE proto_files CONFIGURE_DEPENDS RELATIVE "${proto_root}" "${proto_root}/*.proto")

if(TARGET gRPC::grpc_cpp_plugin)
  set(grpc_cpp_plugin "$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
else()
  find_program(grpc_cpp_plugin grpc_cpp_plugin REQUIRED)
endif()
if(NOT TARGET protobuf::protoc)
  find_program(protoc_program protoc REQUIRED)
  add_executable(protobuf::protoc IMPORTED)
  set_target_properties(protobuf::protoc PROPERTIES IMPORTED_LOCATION "${protoc_program}")
endif()

set(proto_sources "")
foreach(proto IN LISTS proto_files)
  string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
  set(outputs "${proto_out}/${stem}.pb.cc" "${proto_out}/${stem}.pb.h")
  set(grpc_arguments "")
  file(STRINGS "${proto_root}/${proto}" services REGEX "^service ")
  if(services)
    list(APPEND outputs "${proto_out}/${stem}.grpc.pb.cc" "${proto_out}/${stem}.grpc.pb.h")
    # generate_mock_code would make the generated headers ask for gmock: left out.
    set(grpc_arguments "--grpc_out=${proto_out}" "--plugin=protoc-gen-grpc=${grpc_cpp_plugin}")
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${proto_out}"
    COMMAND protobuf::protoc "-I${proto_root}" "--cpp_out=${proto_out}" ${grpc_arguments} "${proto_root}/${proto}"
    DEPENDS "${proto_root}/${proto}"
    COMMENT "Generating ${stem}"
    VERBATIM)
  list(APPEND proto_sources ${outputs})
endforeach()

add_custom_target(lockstep_generated DEPENDS ${proto_sources})  # for tools that read the code and do not compile it

add_library(lockstep_protos STATIC ${proto_sources})
target_include_directories(lockstep_protos SYSTEM PUBLIC "${proto_out}")
target_link_libraries(lockstep_protos PUBLIC gRPC::grpc++ protobuf::libprotobuf Threads::Threads)

file(WRITE "${PROJECT_BINARY_DIR}/pch.cc.in" "// The carrier of the precompiled header.\n")
configure_file("${PROJECT_BINARY_DIR}/pch.cc.in" "${PROJECT_BINARY_DIR}/pch.cc" COPYONLY)
add_library(lockstep_pch STATIC "${PROJECT_BINARY_DIR}/pch.cc")
target_link_libraries(lockstep_pch PUBLIC lockstep_protos)
target_precompile_headers(lockstep_pch PRIVATE
  <algorithm> <atomic> <chrono> <condition_variable> <functional> <map> <memory> <mutex> <optional> <string>
  <string_view> <thread> <unordered_map> <utility> <vector>
  <fmt/format.h> <grpcpp/grpcpp.h>
  <lockstep/consumer/v1/consumer.grpc.pb.h> <lockstep/control/v1/control.grpc.pb.h>
  <lockstep/message/v1/message.grpc.pb.h>
  <lockstep/order/v1/order.grpc.pb.h> <lockstep/restaurant/v1/restaurant.grpc.pb.h>)
target_link_libraries(lockstep_pch PUBLIC fmt::fmt)
# The warnings of those who use it: -Wpedantic decides which macros the compiler predefines.
target_compile_options(lockstep_pch PRIVATE ${LOCKSTEP_WARNINGS})
