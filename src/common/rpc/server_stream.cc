#include "common/rpc/server_stream.h"

#include "common/base/check.h"

namespace lockstep::rpc {

void ServerStreamBase::WriteBytes(const grpc::ByteBuffer& bytes, Sent sent) {
  {
    const std::lock_guard lock(mutex_);
    LOCKSTEP_CHECK(!writing_);
    writing_ = true;
    sent_ = std::move(sent);
  }
  writer_.Write(bytes, wrote_tag_.Tag());
}

void ServerStreamBase::Wrote(bool ok) {
  Sent sent;
  std::optional<grpc::Status> end;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    sent = std::move(sent_);
    sent_ = nullptr;
    end.swap(end_);
  }
  if (!end) {
    sent(ok);
    return;
  }
  sent = nullptr;  // what it holds may be touched no more than the handler
  writer_.Finish(*end, AnsweredTag());
}

void ServerStreamBase::End(const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (writing_) {
      end_ = status;
      return;
    }
  }
  writer_.Finish(status, AnsweredTag());
}

void ServerStreamBase::Finish() {
  CountEnd(OkStatus());
  End(grpc::Status::OK);
}

}  // namespace lockstep::rpc
