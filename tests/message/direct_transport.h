// A transport without a network: delivers to mailboxes of this process, and does to a destination
// what a test wants. Keeps a list of what was delivered.
#pragma once

#include <deque>

#include "common/message/transport.h"
#include "tests/message/boxes.h"

namespace lockstep::message::test_boxes {

enum class Link {
  kUp,
  kGone,         // nothing gets there
  kAnswersLost,  // all gets there, and nobody hears of it
  kHeld,         // nothing is answered until it is up again
};

class DirectTransport final : public Transport {
 public:
  using Done = AnyInvocable<void(StatusOr<std::vector<Taken>>)>;

  void Connect(const std::string& destination, Receiver& receiver) {
    const std::lock_guard lock(mutex_);
    places_[destination].receiver = &receiver;
  }
  void Set(const std::string& destination, Link link) {
    std::vector<AnyInvocable<void()>> held;
    {
      const std::lock_guard lock(mutex_);
      places_[destination].link = link;
      if (link != Link::kHeld) held.swap(places_[destination].held);
    }
    for (auto& deliver : held) deliver();
  }
  // The next deliveries end like that, one each, and nothing gets there.
  void FailNext(const std::string& destination, Status status) {
    const std::lock_guard lock(mutex_);
    places_[destination].failures.push_back(std::move(status));
  }

  struct Sent {
    SteadyTime at;
    std::vector<std::string> notes;  // "key=text"
  };
  std::vector<Sent> sent(const std::string& destination) {
    const std::lock_guard lock(mutex_);
    return places_[destination].sent;
  }
  std::size_t deliveries(const std::string& destination) { return sent(destination).size(); }

  void Deliver(const std::string& destination, std::vector<v1::Envelope> batch,
               Deadline /*deadline*/, Done done) override {
    std::unique_lock lock(mutex_);
    Place& place = places_[destination];
    Sent& sent = place.sent.emplace_back();
    sent.at = Clock::Real().Now();
    for (const v1::Envelope& one : batch) sent.notes.push_back(one.key() + "=" + one.payload());
    if (place.receiver == nullptr || place.link == Link::kGone || !place.failures.empty()) {
      Status status = MakeError(StatusCode::kUnavailable, "GONE", "nobody there");
      if (!place.failures.empty()) {
        status = place.failures.front();
        place.failures.pop_front();
      }
      lock.unlock();
      done(status);
      return;
    }
    const bool lost = place.link == Link::kAnswersLost;
    AnyInvocable<void()> deliver = [receiver = place.receiver, lost, batch = std::move(batch),
                                    done = std::move(done)]() mutable {
      receiver->mailbox().Take(
          std::move(batch), Deadline::Never(),
          [lost, done = std::move(done)](std::vector<Taken> taken) mutable {
            if (lost) {
              done(MakeError(StatusCode::kUnavailable, "LOST", "the answer was lost"));
            } else {
              done(std::move(taken));
            }
          });
    };
    if (place.link == Link::kHeld) {
      place.held.push_back(std::move(deliver));
      return;
    }
    lock.unlock();
    deliver();
  }

  Status Knows(const std::string& destination) const override {
    const std::lock_guard lock(mutex_);
    if (places_.contains(destination)) return OkStatus();
    return MakeError(StatusCode::kFailedPrecondition, kPeerUnknown, "no such peer");
  }

 private:
  struct Place {
    Receiver* receiver = nullptr;
    Link link = Link::kUp;
    std::deque<Status> failures;
    std::vector<AnyInvocable<void()>> held;
    std::vector<Sent> sent;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Place> places_;
};

// The sending side: a file with an outbox, a relay, and two receivers, "a" and "b".
struct Boxes {
  explicit Boxes(RelayOptions relay_options = Quick()) : options(std::move(relay_options)) {
    transport.Connect("a", a);
    transport.Connect("b", b);
    Start();
  }

  void Start() {
    relay = std::make_unique<Relay>(*file, transport, options);
    relay->Start();
  }
  void Restart() {
    relay.reset();
    Start();
  }
  int Waiting() const { return Count(file->path(), "outbox_waiting"); }
  bool Drained() {
    return Eventually([this] { return Waiting() == 0; });
  }

  test::TempDir directory;
  RelayOptions options;
  Receiver a{directory.File("a.db")};
  Receiver b{directory.File("b.db")};
  std::unique_ptr<store::StoreFile> file = OpenFile(directory.File("outbox.db"));
  DirectTransport transport;
  std::unique_ptr<Relay> relay;  // goes first
};

}  // namespace lockstep::message::test_boxes
