#include "common/message/desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "common/message/envelope.h"
#include "common/message/outbox.h"
#include "common/rpc/proto_values.h"

namespace lockstep::message {
namespace {

using store::Database;
using store::Statement;

constexpr char kMessageUnknown[] = "MESSAGE_UNKNOWN";

WallTime Now() { return Clock::Real().WallNow(); }
std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromNanos(std::int64_t nanos) { return WallTime(Duration(nanos)); }

Status Read(store::StoreFile& file, store::ReaderPool::Work work) {
  std::promise<Status> answered;
  file.readers().Read(std::move(work), Deadline::Never(),
                      [&answered](const Status& status) { answered.set_value(status); });
  return answered.get_future().get();
}

Status Write(store::StoreFile& file, store::StoreThread::Work work) {
  std::promise<Status> answered;
  file.writer().Submit(
      std::move(work), Deadline::Never(),
      [&answered](const store::CommitResult& result) { answered.set_value(result.status); });
  return answered.get_future().get();
}

Status Unknown(const std::string& message_id) {
  ErrorDetail detail;
  detail.reason = kMessageUnknown;
  detail.metadata = {{"message_id", message_id}};
  return MakeError(StatusCode::kNotFound,
                   fmt::format("no message {} was given up here: list those that were with "
                               "ListMessages",
                               message_id),
                   std::move(detail));
}

Status NotDead(const std::string& message_id, bool waits) {
  ErrorDetail detail;
  detail.reason = "MESSAGE_NOT_DEAD";
  detail.metadata = {{"message_id", message_id}};
  return MakeError(StatusCode::kFailedPrecondition,
                   waits
                       ? fmt::format("message {} was not given up: it is still tried, and goes by "
                                     "itself",
                                     message_id)
                       : fmt::format("message {} was not given up: it has been sent", message_id),
                   std::move(detail));
}

Status ReadEnvelope(std::string_view bytes, v1::Envelope& envelope) {
  if (envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return OkStatus();
  return MakeError(StatusCode::kDataLoss, "STORE_CORRUPT", "a stored message is no envelope");
}

// Columns: envelope, destination, attempts, error, and for the outbox due_time.
Status ReadMessage(const Statement& row, v1::StoredMessage::Box box, v1::StoredMessage& message) {
  message.set_box(box);
  message.set_destination(std::string(row.Text(1)));
  message.set_attempts(row.Int(2));
  message.set_error(std::string(row.Text(3)));
  if (box == v1::StoredMessage::BOX_OUTBOX && FromNanos(row.Int64(4)) > Now()) {
    rpc::SetTime(FromNanos(row.Int64(4)), message.mutable_next_attempt_time());
  }
  return ReadEnvelope(row.Bytes(0), *message.mutable_envelope());
}

// Why a message is no dead letter. It may look at the whole outbox: not for the writer.
Status NoDeadLetter(Database& database, const std::string& message_id) {
  Statement row = database.Query(
      "SELECT outbox_waiting.sequence IS NOT NULL FROM outbox LEFT JOIN outbox_waiting USING "
      "(destination, sequence) WHERE message_id = ?1",
      message_id);
  Status why = Unknown(message_id);
  if (row.Step()) why = NotDead(message_id, row.Bool(0));
  if (Status ended = row.Finish(); !ended.ok()) return ended;
  return why;
}

StatusOr<v1::StoredMessage> FindDeadLetter(Database& database, const std::string& message_id) {
  Statement row = database.Query(
      "SELECT envelope, destination, attempts, error FROM dead_letters WHERE message_id = ?1",
      message_id);
  v1::StoredMessage message;
  Status status = Unknown(message_id);
  if (row.Step()) status = ReadMessage(row, v1::StoredMessage::BOX_DEAD_LETTERS, message);
  if (Status ended = row.Finish(); !ended.ok()) return ended;
  if (!status.ok()) return status;
  return message;
}

Status RemoveDeadLetter(Database& database, const std::string& message_id) {
  return database.Run("DELETE FROM dead_letters WHERE message_id = ?1", message_id);
}

Status ReadBacklog(Database& database, std::map<std::string, v1::DestinationBacklog>& destinations,
                   v1::Backlog& backlog) {
  Statement row = database.Prepare(
      "SELECT waits.destination, waits.waiting, outbox.write_time FROM "
      "(SELECT destination, count(*) AS waiting, min(sequence) AS first FROM outbox_waiting "
      "GROUP BY destination) AS waits JOIN outbox ON outbox.sequence = waits.first");
  while (row.Step()) {
    v1::DestinationBacklog& one = destinations[std::string(row.Text(0))];
    one.set_waiting(row.Int64(1));
    rpc::SetDuration(std::max(Duration::zero(), Now() - FromNanos(row.Int64(2))),
                     one.mutable_oldest_age());
  }
  if (Status status = row.Finish(); !status.ok()) return status;
  Statement dead = database.Prepare("SELECT count(*) FROM dead_letters");
  if (dead.Step()) backlog.set_dead_letters(dead.Int64(0));
  return dead.Finish();
}

}  // namespace

// An error of finding a dead letter, which says more where the message is another one.
Status Desk::Explained(Status status, const std::string& message_id) const {
  if (DetailOf(status).reason != kMessageUnknown) return status;
  return Read(file_, [&](Database& database) { return NoDeadLetter(database, message_id); });
}

StatusOr<v1::Backlog> Desk::GetBacklog() const {
  v1::Backlog backlog;
  std::map<std::string, v1::DestinationBacklog> destinations;
  const Status status =
      Read(file_, [&](Database& database) { return ReadBacklog(database, destinations, backlog); });
  if (!status.ok()) return status;
  for (const Relay::Sent& sent : relay_.sent()) {
    v1::DestinationBacklog& one = destinations[sent.destination];
    one.set_sent(sent.sent);
    one.set_error(sent.error);
  }
  for (auto& [destination, one] : destinations) {
    one.set_destination(destination);
    *backlog.add_destinations() = std::move(one);
  }
  return backlog;
}

StatusOr<Desk::Page> Desk::List(v1::StoredMessage::Box box, const std::string& destination,
                                const std::string& message_id, int count_max) const {
  std::string columns = "envelope, destination, attempts, error";
  std::string from = "dead_letters";
  if (box == v1::StoredMessage::BOX_OUTBOX) {
    columns = "envelope, waits.destination AS destination, attempts, error, due_time";
    from = "outbox_waiting AS waits CROSS JOIN outbox USING (sequence)";
  } else if (box != v1::StoredMessage::BOX_DEAD_LETTERS) {
    return InvalidRequest({{"box", "must be BOX_OUTBOX or BOX_DEAD_LETTERS"}});
  }
  const std::string which =
      box == v1::StoredMessage::BOX_OUTBOX ? "waits.destination" : "destination";
  from += fmt::format(" WHERE (?1 = '' OR {} = ?1) AND (?2 = '' OR message_id = ?2)", which);
  Page page;
  const Status status = Read(file_, [&](Database& database) {
    Statement row =
        database.Query(fmt::format("SELECT {} FROM {} ORDER BY sequence LIMIT ?3", columns, from),
                       destination, message_id, count_max);
    Status read = OkStatus();
    while (read.ok() && row.Step()) {
      read = ReadMessage(row, box, page.messages.emplace_back());
    }
    if (Status ended = row.Finish(); !ended.ok()) return ended;
    if (!read.ok()) return read;
    Statement total =
        database.Query(fmt::format("SELECT count(*) FROM {}", from), destination, message_id);
    if (total.Step()) page.total = total.Int64(0);
    return total.Finish();
  });
  if (!status.ok()) return status;
  return page;
}

StatusOr<v1::StoredMessage> Desk::Redrive(const std::string& message_id) {
  v1::StoredMessage message;
  Status status = Write(file_, [&](Database& database) {
    StatusOr<v1::StoredMessage> dead = FindDeadLetter(database, message_id);
    if (!dead.ok()) return dead.status();
    message = *std::move(dead);
    if (IsExpired(message.envelope(), Now())) {
      return MakeError(StatusCode::kFailedPrecondition, kMessageExpired,
                       fmt::format("message {} has expired, so nobody would take it: drop it, and "
                                   "send a new one if its effect is still wanted",
                                   message_id));
    }
    if (message.destination() == kSelf) return OkStatus();
    if (Status put = PutIntoOutbox(database, message.destination(), message.envelope());
        !put.ok()) {
      return put;
    }
    return RemoveDeadLetter(database, message_id);
  });
  if (!status.ok()) return Explained(std::move(status), message_id);
  if (message.destination() == kSelf) return HandleAgain(std::move(message));
  relay_.Wake();
  message.set_box(v1::StoredMessage::BOX_OUTBOX);
  message.set_attempts(0);
  message.clear_error();
  return message;
}

// One that came in by a feed. What it was kept for is durable before it goes, so nothing is lost
// where this ends in between: it is a duplicate the next time.
StatusOr<v1::StoredMessage> Desk::HandleAgain(v1::StoredMessage message) {
  std::promise<Status> handled;
  mailbox_.Take(
      {message.envelope()}, Deadline::Never(),
      [&handled](const std::vector<Taken>& taken) { handled.set_value(taken.at(0).status); });
  const Status refused = handled.get_future().get();
  message.set_attempts(message.attempts() + 1);
  message.set_error(refused.ok() ? "" : ErrorText(refused));
  const Status status = Write(file_, [&](Database& database) {
    if (refused.ok()) return RemoveDeadLetter(database, message.envelope().message_id());
    return PutIntoDeadLetters(database, kSelf, message.envelope(), message.attempts(),
                              message.error(), Now());
  });
  if (!status.ok()) return status;
  if (refused.ok()) {
    message.set_box(v1::StoredMessage::BOX_UNSPECIFIED);
    rpc::SetTime(Now(), message.mutable_sent_time());
  }
  return message;
}

StatusOr<v1::StoredMessage> Desk::Drop(const std::string& message_id) {
  StatusOr<v1::StoredMessage> message = Unknown(message_id);
  Status status = Write(file_, [&](Database& database) {
    message = FindDeadLetter(database, message_id);
    if (!message.ok()) return message.status();
    return RemoveDeadLetter(database, message_id);
  });
  if (!status.ok()) return Explained(std::move(status), message_id);
  return message;
}

Status PutIntoDeadLetters(Database& database, std::string_view destination,
                          const v1::Envelope& envelope, int attempts, std::string_view error,
                          WallTime now) {
  const std::string bytes = envelope.SerializeAsString();
  return database.Run(
      "INSERT INTO dead_letters (message_id, destination, envelope, write_time, attempts, error, "
      "dead_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (message_id) DO UPDATE SET "
      "attempts = excluded.attempts, error = excluded.error",
      envelope.message_id(), destination, store::Blob{bytes},
      Nanos(rpc::ToTime(envelope.send_time())), attempts, error, Nanos(now));
}

}  // namespace lockstep::message
