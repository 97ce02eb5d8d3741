#include "common/message/open_stream.h"

#include <utility>

namespace lockstep::message {
namespace {

Status CallerGone() { return Status(StatusCode::kCancelled, "the caller has gone"); }

}  // namespace

bool OpenStreams::Enter(const std::shared_ptr<OpenStream>& stream) {
  const std::lock_guard lock(mutex_);
  if (ended_) return false;
  open_.insert(stream);
  count_.fetch_add(1);
  return true;
}

void OpenStreams::Leave(const std::shared_ptr<OpenStream>& stream) {
  const std::lock_guard lock(mutex_);
  if (open_.erase(stream) == 1) count_.fetch_sub(1);
}

bool OpenStreams::Wake(bool due) {
  if (count_.load() == 0) return false;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<OpenStream>& stream : open_) stream->Wake(due);
  return !open_.empty();
}

void OpenStreams::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const std::shared_ptr<OpenStream>& stream : open_) stream->EndSoon();
}

void OpenStream::Begin() {
  if (!all_.Enter(shared_from_this())) {
    state_ = State::kEnded;
    call_.Fail(rpc::ServerIsStopping());
    return;
  }
  // Posted: a hook may not end what it hangs on.
  hook_.emplace(call_.cancel_source(), [this] {
    call_.loop().Post([self = shared_from_this()] { self->Leave(CallerGone()); });
  });
  Look();
}

void OpenStream::Wake(bool due) {
  if (due) due_ = true;
  if (woken_.exchange(true)) return;
  call_.loop().Post([self = shared_from_this()] { self->Look(); });
}

void OpenStream::EndSoon() {
  call_.loop().Post([self = shared_from_this()] { self->Leave(rpc::ServerIsStopping()); });
}

void OpenStream::Look() {
  if (state_ != State::kIdle || !woken_.exchange(false)) return;
  state_ = State::kReading;
  piece_ = Piece();
  readers_.Read(
      [self = shared_from_this(), due = due_.exchange(false)](store::Database& database) {
        return self->ReadPiece(database, due, self->piece_);
      },
      Deadline::Never(),
      [self = shared_from_this()](const Status& status) {
        self->call_.loop().Post([self, status] { self->Have(status); });
      });
}

void OpenStream::Have(const Status& status) {
  state_ = State::kIdle;
  if (leaving_ || !status.ok()) {
    End(leaving_ ? *leaving_ : status);
  } else if (piece_.bytes) {
    state_ = State::kWriting;
    call_.WriteBytes(*piece_.bytes, [self = shared_from_this()](bool ok) { self->Sent(ok); });
    piece_.bytes.reset();
  } else {
    Look();
  }
}

void OpenStream::Sent(bool ok) {
  state_ = State::kIdle;
  if (!ok) {
    End(CallerGone());
  } else if (piece_.then == Piece::Then::kFinish) {
    End(OkStatus());
  } else {
    if (piece_.then == Piece::Then::kReadOn) woken_ = true;
    Look();
  }
}

void OpenStream::Leave(const Status& status) {
  if (state_ == State::kEnded || leaving_) return;
  if (state_ == State::kReading) {
    leaving_ = status;
  } else {
    End(status);
  }
}

void OpenStream::End(const Status& status) {
  const std::shared_ptr<OpenStream> self = shared_from_this();
  state_ = State::kEnded;
  all_.Leave(self);  // nobody posts to the loop on its behalf after this
  hook_.reset();
  call_.Finish(status);
}

}  // namespace lockstep::message
