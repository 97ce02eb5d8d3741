// Calls that change or read a service's tables: the change is decided on the store thread, in a
// commit that it shares with others, and answered after it; a list is read on a reader thread.
//
// Threads: as of the call's handler; what is passed in runs on the store thread, a reader thread,
// or the call's loop, as said below. Invariant: nothing is answered before its commit has returned.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/page_token.h"
#include "common/rpc/proto_values.h"
#include "common/rpc/server_call.h"
#include "common/store/decided.h"
#include "common/store/store_file.h"

namespace lockstep::owner {

// When work for a call is not to be begun any more.
inline Deadline NotAfter(const rpc::ServerCallBase& call) {
  return call.rules().drop_expired.load(std::memory_order_relaxed) ? call.budget().deadline
                                                                   : Deadline::Never();
}

// What a write cost, for the receipt.
inline void SetCommit(const store::CommitResult& result, call::v1::Receipt& receipt) {
  rpc::SetDuration(result.waited + result.took, receipt.mutable_commit()->mutable_duration());
  receipt.mutable_commit()->set_batch(result.batch);
}

// Carries a command out. effect: StatusOr<Decision>(store::Database&, WallTime now), where Decision
// is a store::Decided or has its members; on the store thread, perhaps more than once. say:
// void(const Value&, Response&); on the call's loop. receipt: what the handler knows of the cost.
template <class Request, class Response, class Effect, class Say>
void Carry(rpc::ServerCall<Request, Response>& call, store::StoreFile& file, Effect effect, Say say,
           call::v1::Receipt receipt = {}) {
  using Decision = typename std::invoke_result_t<Effect&, store::Database&, WallTime>::value_type;
  struct Carrying {
    Decision decision;
    call::v1::Receipt receipt;
  };
  const auto carrying = std::make_shared<Carrying>();
  carrying->receipt = std::move(receipt);
  const Deadline not_after = NotAfter(call);
  file.writer().Submit(
      [&call, carrying, effect = std::move(effect),
       drop = not_after.is_finite()](store::Database& database) mutable -> Status {
        // A caller that has gone is not worked for either.
        if (drop && call.Abandoned(Clock::Real().Now())) {
          carrying->decision = Decision();
          carrying->decision.refusal = rpc::BudgetGone("before the commit");
          return OkStatus();
        }
        auto decision = effect(database, Clock::Real().WallNow());
        if (!decision.ok()) return decision.status();
        carrying->decision = *std::move(decision);
        return OkStatus();
      },
      not_after,
      [&call, &file, carrying, say = std::move(say)](const store::CommitResult& result) mutable {
        if (result.status.ok()) file.watch().Wrote();
        SetCommit(result, carrying->receipt);
        call.loop().Post([&call, carrying, say = std::move(say), status = result.status] {
          const Decision& decision = carrying->decision;
          const Status& refusal = status.ok() ? decision.refusal : status;
          if (!refusal.ok()) {
            call.Fail(refusal, &carrying->receipt);
            return;
          }
          if (decision.repeated) call.MarkDuplicate();
          Response response;
          say(decision.value, response);
          if constexpr (requires { response.mutable_receipt(); }) {
            carrying->receipt.set_duplicate(decision.repeated);
            *response.mutable_receipt() = std::move(carrying->receipt);
          }
          call.Finish(response);
        });
      });
}

// Answers with what read finds. read: Status(store::Database&, Response&); on a reader thread.
template <class Request, class Response, class Read>
void Answer(rpc::ServerCall<Request, Response>& call, store::StoreFile& file, Read read) {
  const auto response = std::make_shared<Response>();
  file.readers().Read(
      [response, read = std::move(read)](store::Database& database) mutable {
        response->Clear();
        return read(database, *response);
      },
      NotAfter(call),
      [&call, response](const Status& status) {
        if (status.ok()) {
          call.Finish(*response);
        } else {
          call.Fail(status);
        }
      });
}

// Answers with a page of a list. list: which, and with which filter. read:
// StatusOr<std::vector<Row>>(store::Database&, const std::string& after, int count), on a reader
// thread. add: void(const Row&, Response&). place: std::string(const Row&), after which the next
// page begins.
template <class Request, class Response, class Read, class Add, class Place>
void AnswerPage(rpc::ServerCall<Request, Response>& call, store::StoreFile& file, std::string list,
                Read read, Add add, Place place) {
  Violations violations;
  PageRequest page =
      ReadPageRequest(list, call.request().page_size(), call.request().page_token(), violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  Answer(
      call, file,
      [list = std::move(list), page = std::move(page), read = std::move(read), add = std::move(add),
       place = std::move(place)](store::Database& database, Response& response) mutable -> Status {
        // One more than asked for, to know whether there is one.
        auto rows = read(database, page.after, page.size + 1);
        if (!rows.ok()) return rows.status();
        const bool last = rows->size() <= static_cast<std::size_t>(page.size);
        if (!last) rows->pop_back();
        for (const auto& row : *rows) add(row, response);
        if (!last) response.set_next_page_token(MakePageToken(list, place(rows->back())));
        return OkStatus();
      });
}

}  // namespace lockstep::owner
