// The methods of one service on a queue server: each with its full name, its fault site and its
// handler, all said in one line.
//
//   using Raw = v1::Thing::WithRawMethod_GetThing<…<v1::Thing::Service>>;
//   methods_.Add("GetThing", raw_, &Raw::RequestGetThing, *this, &ThingService::GetThing);
//
// Threads: built before the server serves, and not changed after. Outlives the server, as do the
// service and the owner of the handlers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/fault/injector.h"
#include "common/rpc/server_call.h"
#include "common/rpc/server_stream.h"

namespace lockstep::rpc {

class MethodList {
 public:
  // service: its full name, v1::Thing::service_full_name().
  MethodList(fault::Injector& faults, std::string service)
      : faults_(faults), service_(std::move(service)) {}

  // raw: the generated service with WithRawMethod_ for each method. request: its Request function.
  template <class Raw, class Base, class Owner, class Request, class Response>
  void Add(std::string_view name, Raw& raw,
           void (Base::*request)(grpc::ServerContext*, grpc::ByteBuffer*,
                                 grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
           Owner& owner, void (Owner::*handle)(ServerCall<Request, Response>&)) {
    using Call = ServerCall<Request, Response>;
    std::string method = service_ + "/" + std::string(name);
    fault::Site& site = faults_.AddSite(method);
    methods_.push_back(std::make_unique<typename Call::template Method<Base>>(
        std::move(method), site, raw, request,
        [&owner, handle](Call& call) { (owner.*handle)(call); }));
  }

  // The same for a method that answers with a stream.
  template <class Raw, class Base, class Owner, class Request, class Response>
  void AddStream(std::string_view name, Raw& raw,
                 void (Base::*request)(grpc::ServerContext*, grpc::ByteBuffer*,
                                       grpc::ServerAsyncWriter<grpc::ByteBuffer>*,
                                       grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
                 Owner& owner, void (Owner::*handle)(ServerStream<Request, Response>&)) {
    using Stream = ServerStream<Request, Response>;
    std::string method = service_ + "/" + std::string(name);
    fault::Site& site = faults_.AddSite(method);
    methods_.push_back(std::make_unique<typename Stream::template Method<Base>>(
        std::move(method), site, raw, request,
        [&owner, handle](Stream& stream) { (owner.*handle)(stream); }));
  }

  std::vector<MethodBase*> all() const {
    std::vector<MethodBase*> all;
    for (const std::unique_ptr<MethodBase>& method : methods_) all.push_back(method.get());
    return all;
  }

 private:
  fault::Injector& faults_;
  const std::string service_;
  std::vector<std::unique_ptr<MethodBase>> methods_;
};

}  // namespace lockstep::rpc
