// What a service that owns records of one kind has, whatever the kind: handlers that change and
// list them, what it exchanges by messages and feeds (exchange.h), health that follows the file, an
// orderly end. Consumer and Restaurant are each one.
//
// Threads: handlers run on a loop; a change is decided on the store thread and answered on the
// call's loop again; a page is read, turned into messages and answered on a reader thread.
// Invariant: nothing is answered before its commit has returned.
//
// Table: see common/store/record_store.h; IdOf also of a record that can be changed. Message: what
// its feed says a record as. What a kind is allowed to be and how it changes is found by its type,
// in its domain:
//   void ValidateNew(const Record&, Violations&);   Record Begin(Record, WallTime)
//   bool SameContent(const Record&, const Record&)
//   void Validate(const Update&, Violations&);      StatusOr<Record> Apply(Record, Update,
//   WallTime) void SetProto(const Record&, v1::Record*)
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/base/page_token.h"
#include "common/control/host.h"
#include "common/owner/command.h"
#include "common/owner/exchange.h"
#include "common/owner/record_feed.h"
#include "common/rpc/method_list.h"
#include "common/rpc/server_call.h"
#include "common/store/record_store.h"

namespace lockstep::owner {

// What a kind of record is called in errors and lists.
struct RecordWords {
  std::string noun;      // "consumer"
  std::string id_field;  // "consumer_id"
  std::string unknown;   // the reason where there is none with an id: "CONSUMER_UNKNOWN"
  std::string taken;     // the reason where there is another: "CONSUMER_ID_TAKEN"
};

template <typename Table, typename Message>
class RecordService : public control::HostedService {
 public:
  using Store = store::RecordStore<Table>;
  using Record = typename Store::Record;
  using Entry = typename Store::Entry;
  using Feed = RecordFeed<Table, Message>;

  // What the constructor wants.
  static StatusOr<std::unique_ptr<Store>> OpenStore(const store::StoreFileOptions& options) {
    return Store::Open(options, &Feed::Append);
  }

  std::vector<grpc::Service*> services() override {
    std::vector<grpc::Service*> all = exchange_.services();
    all.push_back(&service());
    return all;
  }
  std::vector<rpc::MethodBase*> methods() override {
    std::vector<rpc::MethodBase*> all = methods_.all();
    for (rpc::MethodBase* method : exchange_.methods()) all.push_back(method);
    return all;
  }

  control::MessagePort* messages() override { return &exchange_.messages(); }

  Status Start(rpc::QueueServer& /*business*/) override { return exchange_.Start(); }

  Status Health() override {
    if (records_->LookWhetherWritable()) return OkStatus();
    return MakeError(StatusCode::kUnavailable, "STORE_NOT_WRITABLE",
                     "the database cannot be written: " + path_);
  }

  void Tick() override { exchange_.Tick(); }

  void Drain(Duration /*grace*/) override { exchange_.Drain(); }

  void Stop() override {
    exchange_.Stop();
    records_->Stop();
  }

 protected:
  // service: its full name. judges: what it answers to messages; they may find records. effects:
  // what it does when a message says so.
  RecordService(const control::HostContext& context, std::unique_ptr<Store> records,
                std::string service, RecordWords words, OwnerFlags flags, Judges judges,
                Effects effects, FollowOrder follow = nullptr)
      : methods_(context.faults, std::move(service)),
        words_(std::move(words)),
        path_(context.flags.db),
        records_(std::move(records)),
        exchange_(context, words_.noun, std::move(flags), records_->file(), feed_,
                  std::move(judges), std::move(effects), std::move(follow)) {}

  // The generated one, with raw methods.
  virtual grpc::Service& service() = 0;

  // As of the last commit; null if there is none.
  Entry Find(std::string_view id) const { return records_->Find(id); }
  Store& records() { return *records_; }

  // Answers with the record, or with the one that is there already with the same content. A record
  // without an id gets one. violations: what is wrong with the request so far.
  template <class Request, class Response>
  void Create(rpc::ServerCall<Request, Response>& call, Record record, Violations& violations) {
    const WallTime now = Clock::Real().WallNow();
    if (Table::IdOf(record).empty()) Table::IdOf(record) = NewId(now);
    ValidateNew(record, violations);
    if (!violations.empty()) {
      call.Fail(violations.ToStatus());
      return;
    }
    const auto fresh = std::make_shared<const Record>(Begin(std::move(record), now));
    Submit(
        call, Table::IdOf(*fresh),
        [this, fresh](const Entry& current) -> StatusOr<Entry> {
          if (current == nullptr) return fresh;
          if (SameContent(*current, *fresh)) return current;
          return Taken(Table::IdOf(*fresh));
        },
        /*same_is_duplicate=*/true);
  }

  template <class Request, class Response>
  void Get(rpc::ServerCall<Request, Response>& call, const std::string& id) {
    Violations violations;
    if (!violations.RequireId(words_.id_field, id)) {
      call.Fail(violations.ToStatus());
      return;
    }
    const Entry record = Find(id);
    if (record == nullptr) {
      call.Fail(Unknown(id));
      return;
    }
    Response response;
    SetProto(*record, &response);
    call.Finish(response);
  }

  // Answers with the record as the update left it. violations: what is wrong so far.
  template <class Request, class Response, class Update>
  void Change(rpc::ServerCall<Request, Response>& call, const std::string& id, Update update,
              Violations& violations) {
    Validate(update, violations);
    if (!violations.empty()) {
      call.Fail(violations.ToStatus());
      return;
    }
    Submit(
        call, id,
        [this, id, update = std::move(update)](const Entry& current) -> StatusOr<Entry> {
          if (current == nullptr) return Unknown(id);
          StatusOr<Record> changed = Apply(*current, update, Clock::Real().WallNow());
          if (!changed.ok()) return changed.status();
          if (changed->version == current->version) return current;
          return std::make_shared<const Record>(*std::move(changed));
        },
        /*same_is_duplicate=*/false);
  }

  // Answers with a page of the list. add: adds a record to the response.
  template <class Request, class Response>
  void List(rpc::ServerCall<Request, Response>& call, std::string_view list,
            Message* (Response::*add)()) {
    Violations violations;
    PageRequest page =
        ReadPageRequest(list, call.request().page_size(), call.request().page_token(), violations);
    if (!violations.empty()) {
      call.Fail(violations.ToStatus());
      return;
    }
    records_->List(
        std::move(page.after), page.size, NotAfter(call),
        [&call, list, add](StatusOr<typename Store::Page> read) {
          if (!read.ok()) {
            call.Fail(read.status());
            return;
          }
          Response response;
          for (const Record& record : read->records) {
            SetProto(record, (response.*add)());
          }
          if (!read->last) {
            response.set_next_page_token(MakePageToken(list, Table::IdOf(read->records.back())));
          }
          call.Finish(response);
        });
  }

  rpc::MethodList methods_;

 private:
  template <class Request, class Response, class Decide>
  void Submit(rpc::ServerCall<Request, Response>& call, std::string id, Decide decide,
              bool same_is_duplicate) {
    const Deadline not_after = NotAfter(call);
    records_->Change(
        std::move(id), not_after,
        [&call, decide = std::move(decide),
         drop = not_after.is_finite()](const Entry& current) mutable -> StatusOr<Entry> {
          // A caller that has gone is not worked for either.
          if (drop && call.Abandoned(Clock::Real().Now())) {
            return rpc::BudgetGone("before the commit");
          }
          return decide(current);
        },
        [&call, same_is_duplicate](StatusOr<Entry> record, bool changed) {
          call.loop().Post(
              [&call, record = std::move(record), duplicate = same_is_duplicate && !changed] {
                if (!record.ok()) {
                  call.Fail(record.status());
                  return;
                }
                if (duplicate) call.MarkDuplicate();
                Response response;
                SetProto(**record, &response);
                call.Finish(response);
              });
        });
  }

  Status Unknown(const std::string& id) const {
    return About(id, StatusCode::kNotFound, words_.unknown,
                 fmt::format("there is no {} {}", words_.noun, id));
  }
  Status Taken(const std::string& id) const {
    return About(id, StatusCode::kAlreadyExists, words_.taken,
                 fmt::format("there is a {} {} already, with other content; choose another {}",
                             words_.noun, id, words_.id_field));
  }
  Status About(const std::string& id, StatusCode code, const std::string& reason,
               std::string message) const {
    ErrorDetail detail;
    detail.reason = reason;
    detail.metadata = {{words_.id_field, id}};
    return MakeError(code, std::move(message), std::move(detail));
  }

  const RecordWords words_;
  const std::string path_;
  const std::unique_ptr<Store> records_;
  const Feed feed_;
  Exchange exchange_;  // last: it uses the two above
};

// Opens the database of the context's flags, and makes the service on it: what ProgramSpec wants.
template <typename Service>
StatusOr<std::unique_ptr<control::HostedService>> Make(const control::HostContext& context,
                                                       OwnerFlags flags) {
  store::StoreFileOptions options;
  options.path = context.flags.db;
  auto records = Service::OpenStore(options);
  if (!records.ok()) return records.status();
  return std::make_unique<Service>(context, *std::move(records), std::move(flags));
}

}  // namespace lockstep::owner
