#include "restaurant/service/stock_service.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/message/outbox.h"
#include "common/owner/command.h"
#include "restaurant/service/stock_convert.h"
#include "restaurant/store/stock_table.h"

namespace lockstep::restaurant {
namespace {

using store::Database;

// Of a call whose response has the reservation.
template <class Call, class Request>
void CarryOut(Call& call, store::StoreFile& file, Request request, const Violations& violations) {
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  owner::Carry(
      call, file,
      [request = std::move(request)](Database& database, WallTime now) {
        return Carry(database, request, now);
      },
      [](const Reservation& reservation, auto& response) {
        SetProto(reservation, response.mutable_reservation());
      });
}

Status Unknown(const std::string& restaurant_id) {
  ErrorDetail detail;
  detail.reason = "RESTAURANT_UNKNOWN";
  detail.metadata = {{"restaurant_id", restaurant_id}};
  return MakeError(StatusCode::kNotFound, fmt::format("there is no restaurant {}", restaurant_id),
                   std::move(detail));
}

// What the request asks for; at most limits::kStockItemsMax items.
std::vector<StockQuery> QueriesOf(const v1::GetStockRequest& request, Violations& violations) {
  std::vector<StockQuery> queries;
  if (request.queries_size() < 1 || request.queries_size() > limits::kStockItemsMax) {
    violations.Add("queries", fmt::format("must be 1 to {} queries, are {}", limits::kStockItemsMax,
                                          request.queries_size()));
    return queries;
  }
  int items = 0;
  for (const v1::GetStockRequest::Query& said : request.queries()) {
    const std::string field = fmt::format("queries[{}].", queries.size());
    StockQuery& query = queries.emplace_back();
    query.restaurant_id = said.restaurant_id();
    violations.RequireId(field + "restaurant_id", query.restaurant_id);
    items += said.menu_item_ids_size();
    if (items > limits::kStockItemsMax) break;
    for (const std::string& id : said.menu_item_ids()) {
      violations.RequireId(fmt::format("{}menu_item_ids[{}]", field, query.menu_item_ids.size()),
                           id);
      query.menu_item_ids.push_back(id);
    }
  }
  if (items > limits::kStockItemsMax) {
    violations.Add("queries", fmt::format("must name at most {} items together, name more",
                                          limits::kStockItemsMax));
  }
  return queries;
}

}  // namespace

void StockService::SetStock(SetCall& call) {
  StockChange change = FromProto(call.request());
  Violations violations;
  Validate(change, violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  using Entry = Store::Entry;
  using Decision = store::Decided<Entry>;
  const auto items = std::make_shared<std::vector<StockItem>>();
  std::string id = change.restaurant_id;
  const Deadline not_after = owner::NotAfter(call);
  records_.ChangeIn(
      std::move(id), not_after,
      [&call, items, change = std::move(change), drop = not_after.is_finite()](
          Database& database, const Entry& current) -> StatusOr<Decision> {
        if (drop && call.Abandoned(Clock::Real().Now())) {
          return Decision{rpc::BudgetGone("before the commit")};
        }
        if (current == nullptr) return Decision{Unknown(change.restaurant_id)};
        const WallTime now = Clock::Real().WallNow();
        StatusOr<Restaurant> after = Apply(*current, change, now);
        if (!after.ok()) return Decision{after.status()};
        auto stocked = restaurant::SetStock(database, change, now);
        if (!stocked.ok()) return stocked.status();
        if (!stocked->refusal.ok()) return Decision{stocked->refusal};
        *items = std::move(stocked->value);
        if (after->version == current->version) return Decision{OkStatus(), current};
        return Decision{OkStatus(), std::make_shared<const Restaurant>(*std::move(after))};
      },
      [&call, items](const StatusOr<Entry>& record, bool /*changed*/) {
        call.loop().Post([&call, items, status = record.status()] {
          if (!status.ok()) {
            call.Fail(status);
            return;
          }
          v1::SetStockResponse response;
          for (const StockItem& item : *items) SetProto(item, response.add_items());
          call.Finish(response);
        });
      });
}

void StockService::GetStock(GetCall& call) {
  Violations violations;
  std::vector<StockQuery> queries = QueriesOf(call.request(), violations);
  if (!violations.empty()) {
    call.Fail(violations.ToStatus());
    return;
  }
  owner::Answer(call, records_.file(),
                [queries = std::move(queries)](Database& database, v1::GetStockResponse& response) {
                  std::vector<StockItem> items;
                  const WallTime now = Clock::Real().WallNow();
                  for (const StockQuery& query : queries) {
                    if (Status status = ReadStock(database, query, now, items); !status.ok()) {
                      return status;
                    }
                  }
                  for (const StockItem& item : items) SetProto(item, response.add_items());
                  return OkStatus();
                });
}

void StockService::ReserveItems(ReserveCall& call) {
  Violations violations;
  ReserveRequest request = ReserveFrom(call.request(), violations);
  Validate(request, Clock::Real().WallNow(), violations);
  CarryOut(call, records_.file(), std::move(request), violations);
}

void StockService::ReleaseItems(ReleaseCall& call) {
  Violations violations;
  ReleaseRequest request = ReleaseFrom(call.request());
  Validate(request, violations);
  CarryOut(call, records_.file(), std::move(request), violations);
}

void StockService::ConfirmItems(ConfirmCall& call) {
  Violations violations;
  ConfirmRequest request = ConfirmFrom(call.request());
  Validate(request, violations);
  CarryOut(call, records_.file(), std::move(request), violations);
}

void StockService::ListReservations(ListCall& call) {
  const int state = call.request().state();
  if (!v1::Reservation::State_IsValid(state)) {
    call.Fail(InvalidRequest({{"state", fmt::format("must be a state, is {}", state)}}));
    return;
  }
  owner::AnswerPage(
      call, records_.file(), fmt::format("reservations {}", state),
      [state](Database& database, const std::string& after, int count) {
        return ReadReservations(database, after, static_cast<ReservationState>(state), count,
                                Clock::Real().WallNow());
      },
      [](const Reservation& reservation, v1::ListReservationsResponse& response) {
        SetProto(reservation, response.add_reservations());
      },
      [](const Reservation& reservation) { return reservation.order_id; });
}

void StockService::Tick(WallTime now) {
  if (!expiring_.exchange(true)) ExpireBatch();
  if (now - purged_ < limits::kFeedTrimInterval) return;
  purged_ = now;
  if (!purging_.exchange(true)) PurgeBatch(now - limits::kEndedRetention);
}

void StockService::ExpireBatch() {
  const auto count = std::make_shared<int>(0);
  records_.file().writer().Submit(
      [count](Database& database) {
        const StatusOr<int> expired =
            ExpireReservations(database, Clock::Real().WallNow(), limits::kPurgeBatchRows);
        if (expired.ok()) *count = *expired;
        return expired.status();
      },
      Deadline::Never(),
      [this, count](const store::CommitResult& result) {
        if (result.status.ok() && *count == limits::kPurgeBatchRows) {
          ExpireBatch();
          return;
        }
        if (!result.status.ok()) {
          log::Warning("reservations_not_expired", {{"message", MessageOf(result.status)}});
        }
        expiring_ = false;
      });
}

void StockService::PurgeBatch(WallTime before) {
  const auto count = std::make_shared<int>(0);
  records_.file().writer().Submit(
      [count, before](Database& database) {
        const StatusOr<int> purged = PurgeReservations(database, before, limits::kPurgeBatchRows);
        if (purged.ok()) *count = *purged;
        return purged.status();
      },
      Deadline::Never(),
      [this, count, before](const store::CommitResult& result) {
        if (result.status.ok() && *count == limits::kPurgeBatchRows) {
          PurgeBatch(before);
          return;
        }
        if (!result.status.ok()) {
          log::Warning("reservations_not_purged", {{"message", MessageOf(result.status)}});
        }
        purging_ = false;
      });
}

owner::Effects StockEffects() {
  owner::Effects effects;
  owner::AddEffect<v1::ReserveItems>(
      effects,
      [](Database& database, const v1::ReserveItems& said,
         WallTime now) -> StatusOr<std::optional<v1::ItemsReserved>> {
        Violations violations;
        const ReserveRequest request = ReserveFrom(said, violations);
        Validate(request, now, violations);
        if (!violations.empty()) return violations.ToStatus();
        const StatusOr<Reserved> reserved = Carry(database, request, now);
        if (!reserved.ok()) return reserved.status();
        v1::ItemsReserved answer;
        answer.set_order_id(request.order_id);
        answer.set_restaurant_id(request.restaurant_id);
        if (reserved->refusal.ok()) {
          SetProto(reserved->value, answer.mutable_reservation());
        } else {
          SetProto(*reserved, answer.mutable_refusal());
        }
        return std::optional(std::move(answer));
      });
  owner::AddEffect<v1::ReleaseItems>(
      effects, [](Database& database, const v1::ReleaseItems& said, WallTime now) -> Status {
        const ReleaseRequest request = ReleaseFrom(said);
        Violations violations;
        Validate(request, violations);
        if (!violations.empty()) return violations.ToStatus();
        const StatusOr<Reserved> released = Carry(database, request, now);
        return released.ok() ? released->refusal : released.status();
      });
  owner::AddEffect<v1::ConfirmItems>(
      effects,
      [](Database& database, const v1::ConfirmItems& said,
         WallTime now) -> StatusOr<std::optional<v1::ItemsNotConfirmed>> {
        const ConfirmRequest request = ConfirmFrom(said);
        Violations violations;
        Validate(request, violations);
        if (!violations.empty()) return violations.ToStatus();
        const StatusOr<Reserved> confirmed = Carry(database, request, now);
        if (!confirmed.ok()) return confirmed.status();
        if (confirmed->refusal.ok()) return std::optional<v1::ItemsNotConfirmed>();
        v1::ItemsNotConfirmed answer;
        answer.set_order_id(request.order_id);
        answer.set_restaurant_id(request.restaurant_id);
        SetProto(*confirmed, answer.mutable_refusal());
        return std::optional(std::move(answer));
      });
  return effects;
}

std::vector<message::v1::Envelope> FollowReservation(const order::v1::Order& order, WallTime now) {
  const auto put = [&](auto command) {
    command.set_order_id(order.order_id());
    command.set_restaurant_id(order.restaurant_id());
    return std::vector{message::MakeEnvelope(command, order.order_id(), order.order_id(), now)};
  };
  switch (owner::TodoFor(order, order::v1::CheckoutStep::KIND_RESERVATION)) {
    case owner::StepTodo::kNothing:
      return {};
    case owner::StepTodo::kDo: {
      v1::ReserveItems reserve;
      for (const v1::PricedLine& line : order.lines()) {
        auto* wanted = reserve.add_lines();
        wanted->set_menu_item_id(line.menu_item_id());
        wanted->set_quantity(line.quantity());
      }
      rpc::SetTime(now + limits::kReservationTime, reserve.mutable_expire_time());
      return put(std::move(reserve));
    }
    case owner::StepTodo::kConfirm:
      return put(v1::ConfirmItems());
    case owner::StepTodo::kUndo:
      return put(v1::ReleaseItems());
    case owner::StepTodo::kUndoConfirmed:
      break;
  }
  v1::ReleaseItems release;
  release.set_after_confirmation(true);
  return put(std::move(release));
}

}  // namespace lockstep::restaurant
