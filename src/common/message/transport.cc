#include "common/message/transport.h"

#include <fmt/format.h>

#include <charconv>
#include <list>
#include <mutex>
#include <utility>

#include "common/base/limits.h"
#include "common/message/envelope.h"
#include "common/rpc/channel.h"
#include "common/rpc/status_details.h"
#include "common/rpc/unary_call.h"

namespace lockstep::message {
namespace {

// HOST:PORT, with a host that is this machine: a caller must not make us call others.
bool IsLoopbackAddress(std::string_view destination) {
  const std::size_t colon = destination.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = destination.substr(0, colon);
  const std::string_view port = destination.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return false;
  if (number < 1 || number > 65535) return false;
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Status PeerUnknown(const std::string& destination) {
  ErrorDetail detail;
  detail.reason = kPeerUnknown;
  detail.metadata = {{"destination", destination}};
  return MakeError(StatusCode::kFailedPrecondition,
                   fmt::format("there is no peer {} here: name its addresses with --peer {}=HOST:"
                               "PORT, or use a mailbox's loopback address",
                               destination, destination),
                   std::move(detail));
}

Status Unexpected(const std::string& destination, std::size_t sent, int answered) {
  return MakeError(StatusCode::kInternal, "DELIVER_INCONSISTENT",
                   fmt::format("{} answered for {} messages of {}: it is no mailbox of ours",
                               destination, answered, sent));
}

using Stub = v1::Mailbox::Stub;

// The addresses of one destination. Threads: any.
class Peer {
 public:
  explicit Peer(const std::vector<std::string>& addresses) : addresses_(addresses) {
    for (const std::string& address : addresses) {
      stubs_.push_back(v1::Mailbox::NewStub(rpc::MakeChannel(address)));
    }
  }

  // The one to use now.
  std::size_t current() const { return current_.load() % stubs_.size(); }
  Stub& stub(std::size_t which) { return *stubs_[which]; }
  const std::string& address(std::size_t which) const { return addresses_[which]; }
  // That one has failed: from now on the next, unless somebody has found that out already.
  void Failed(std::size_t which) {
    current_.compare_exchange_strong(which, which + 1 == stubs_.size() ? 0 : which + 1);
  }

 private:
  const std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Stub>> stubs_;
  std::atomic<std::size_t> current_ = 0;
};

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const PeerAddresses& peers, std::string sender, rpc::CompletionLoop& loop)
      : sender_(std::move(sender)), loop_(loop) {
    for (const auto& [role, addresses] : peers) {
      if (!addresses.empty()) peers_.emplace(role, std::make_shared<Peer>(addresses));
    }
  }

  void Deliver(const std::string& destination, std::vector<v1::Envelope> batch, Deadline deadline,
               AnyInvocable<void(StatusOr<std::vector<Taken>>)> done) override;

  void CancelAll() override { stopped_.Cancel(); }

  Status Knows(const std::string& destination) const override {
    if (peers_.contains(destination) || IsLoopbackAddress(destination)) return OkStatus();
    return PeerUnknown(destination);
  }

 private:
  std::shared_ptr<Peer> Find(const std::string& destination);

  const std::string sender_;
  rpc::CompletionLoop& loop_;
  CancelSource stopped_;
  std::map<std::string, std::shared_ptr<Peer>> peers_;  // not changed after construction

  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Peer>>> callers_;  // the one used last in front
};

// Null if it is unknown.
std::shared_ptr<Peer> GrpcTransport::Find(const std::string& destination) {
  if (const auto peer = peers_.find(destination); peer != peers_.end()) return peer->second;
  if (!IsLoopbackAddress(destination)) return nullptr;
  const std::lock_guard lock(mutex_);
  for (auto caller = callers_.begin(); caller != callers_.end(); ++caller) {
    if (caller->first != destination) continue;
    callers_.splice(callers_.begin(), callers_, caller);
    return caller->second;
  }
  const std::vector<std::string> addresses = {destination};
  callers_.emplace_front(destination, std::make_shared<Peer>(addresses));
  if (callers_.size() > static_cast<std::size_t>(limits::kCallerMailboxesMax)) callers_.pop_back();
  return callers_.front().second;
}

void GrpcTransport::Deliver(const std::string& destination, std::vector<v1::Envelope> batch,
                            Deadline deadline,
                            AnyInvocable<void(StatusOr<std::vector<Taken>>)> done) {
  const std::shared_ptr<Peer> peer = Find(destination);
  if (peer == nullptr) {
    done(PeerUnknown(destination));
    return;
  }
  v1::DeliverRequest request;
  request.set_sender(sender_);
  request.mutable_envelopes()->Reserve(static_cast<int>(batch.size()));
  for (v1::Envelope& envelope : batch) *request.add_envelopes() = std::move(envelope);
  const std::size_t which = peer->current();
  rpc::UnaryCall<v1::DeliverResponse>::Start(
      loop_, peer->stub(which), &Stub::PrepareAsyncDeliver, request,
      {.deadline = deadline, .cancel_source = &stopped_},
      [peer, which, sent = batch.size(), done = std::move(done)](
          const grpc::Status& status, v1::DeliverResponse& response) mutable {
        if (!status.ok()) {
          // Who has too much to do is there, and its neighbour has the same file.
          if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) peer->Failed(which);
          done(rpc::FromGrpcStatus(status));
          return;
        }
        if (static_cast<std::size_t>(response.outcomes_size()) != sent) {
          peer->Failed(which);
          done(Unexpected(peer->address(which), sent, response.outcomes_size()));
          return;
        }
        std::vector<Taken> taken;
        taken.reserve(sent);
        for (const v1::DeliverResponse::Outcome& outcome : response.outcomes()) {
          taken.push_back({ToStatus(outcome.status()), outcome.duplicate()});
        }
        done(std::move(taken));
      });
}

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(PeerAddresses peers, std::string sender,
                                             rpc::CompletionLoop& loop) {
  return std::make_unique<GrpcTransport>(peers, std::move(sender), loop);
}

}  // namespace lockstep::message
