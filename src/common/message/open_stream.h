// A stream whose pieces are read from a file: reads one on a reader thread, hands it to gRPC on the
// call's loop, and reads the next when it has gone out and there is reason to.
//
// Threads: what is not said otherwise runs on the loop of the call. Invariant: the call is ended
// only while no read is under way, because an answer of the readers is posted to its loop.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "common/rpc/server_stream.h"
#include "common/store/store_file.h"

namespace lockstep::message {

class OpenStream;

// The open streams of a service. Threads: any.
class OpenStreams {
 public:
  // False: they have been ended, and no other may begin.
  bool Enter(const std::shared_ptr<OpenStream>& stream);
  void Leave(const std::shared_ptr<OpenStream>& stream);
  // There may be something to read; with due also a sign of life is due. One look at a number while
  // none is open. False: none is.
  bool Wake(bool due);
  void End();
  int count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;  // guards what follows, but for reading the count
  std::unordered_set<std::shared_ptr<OpenStream>> open_;
  std::atomic<int> count_ = 0;
  bool ended_ = false;
};

class OpenStream : public std::enable_shared_from_this<OpenStream> {
 public:
  virtual ~OpenStream() = default;

  // On the loop, once.
  void Begin();
  // Any thread, while it is in the set of open streams.
  void Wake(bool due);
  void EndSoon();

 protected:
  // What a read found.
  struct Piece {
    enum class Then { kWait, kReadOn, kFinish };
    std::optional<grpc::ByteBuffer> bytes;  // none: there is nothing to say
    Then then = Then::kWait;                // after it has gone out
  };

  OpenStream(rpc::ServerStreamBase& call, store::ReaderPool& readers, OpenStreams& all)
      : call_(call), readers_(readers), all_(all) {}

  // On a reader thread; one at a time, each sees what the one before left. due: a sign of life is
  // wanted, if there is nothing else to send.
  virtual Status ReadPiece(store::Database& database, bool due, Piece& piece) = 0;

 private:
  void Look();
  void Have(const Status& status);
  void Sent(bool ok);
  void Leave(const Status& status);
  void End(const Status& status);

  rpc::ServerStreamBase& call_;  // until End
  store::ReaderPool& readers_;
  OpenStreams& all_;
  std::optional<CancelSource::Hook> hook_;
  std::atomic<bool> woken_ = true;
  std::atomic<bool> due_ = true;  // the first piece goes out in any case
  enum class State { kIdle, kReading, kWriting, kEnded } state_ = State::kIdle;
  std::optional<Status> leaving_;
  Piece piece_;  // of the read under way, or the piece under way
};

}  // namespace lockstep::message
