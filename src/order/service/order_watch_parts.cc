#include "order/service/order_watch_parts.h"

namespace lockstep::order {

bool OrderWatch::Parts::Add(const std::string& order_id, const std::shared_ptr<Watcher>& watcher,
                            AnyInvocable<void(rpc::DelayTimer&)> entered) {
  bool read = false;
  {
    const std::lock_guard lock(mutex_);
    if (watcher->is_stream() ? streams_ended_ : waits_ended_) return false;
    Watched& watched = orders_[order_id];
    watched.watchers.insert(watcher);
    waiting_.fetch_add(1);
    if (entered) entered(timer_);
    // Read only once it is known from where on changes will be told.
    if (known_) {
      watched.is_new = false;
      read = BeginRead(watched);
    }
  }
  if (read) {
    Read(order_id);
  } else {
    Look();
  }
  return true;
}

bool OrderWatch::Parts::Remove(const std::string& order_id,
                               const std::shared_ptr<Watcher>& watcher) {
  const std::lock_guard lock(mutex_);
  const auto place = orders_.find(order_id);
  if (place == orders_.end() || place->second.watchers.erase(watcher) == 0) return false;
  waiting_.fetch_sub(1);
  Forget(order_id);
  return true;
}

// What nobody waits for.
void OrderWatch::Parts::Forget(const std::string& order_id) {
  const auto place = orders_.find(order_id);
  if (place != orders_.end() && place->second.watchers.empty()) orders_.erase(place);
  if (orders_.empty()) known_.reset();
}

void OrderWatch::Parts::Look() {
  if (waiting_.load() == 0) return;
  std::optional<std::int64_t> after;
  {
    const std::lock_guard lock(mutex_);
    if (orders_.empty()) return;
    if (std::exchange(looking_, true)) {
      look_again_ = true;
      return;
    }
    after = known_;
  }
  StartLook(after);
}

// A read of the store, whose answer touches this object.
void OrderWatch::Parts::Begun() {
  const std::lock_guard lock(mutex_);
  ++reads_;
}
void OrderWatch::Parts::Ended() {
  const std::lock_guard lock(mutex_);
  if (--reads_ == 0) idle_.notify_all();
}

void OrderWatch::Parts::StartLook(std::optional<std::int64_t> after) {
  Begun();
  if (after) {
    store_.ReadChangedSince(*after,
                            [this](const StatusOr<SqliteOrderStore::ChangedOrders>& changed) {
                              Looked(changed);
                              Ended();
                            });
    return;
  }
  store_.ReadFeedHead([this](StatusOr<std::int64_t> head) {
    if (head.ok()) {
      Looked(SqliteOrderStore::ChangedOrders{*head, {}});
    } else {
      Looked(head.status());
    }
    Ended();
  });
}

void OrderWatch::Parts::Looked(const StatusOr<SqliteOrderStore::ChangedOrders>& changed) {
  std::vector<std::string> to_read;
  Answers answers;
  bool again = false;
  std::optional<std::int64_t> after;
  {
    const std::lock_guard lock(mutex_);
    looking_ = false;
    if (changed.ok()) {
      known_ = changed->head;
      for (const std::string& order_id : changed->order_ids) {
        const auto place = orders_.find(order_id);
        if (place != orders_.end() && BeginRead(place->second)) to_read.push_back(order_id);
      }
      again = !changed->order_ids.empty();  // there may be more
    } else {
      known_.reset();
    }
    for (auto place = orders_.begin(); place != orders_.end();) {
      auto& [order_id, watched] = *place;
      if (!changed.ok()) {
        waiting_.fetch_sub(static_cast<int>(std::erase_if(watched.watchers, [&](const auto& each) {
          return each->Fail(changed.status(), answers);
        })));
      } else if (std::exchange(watched.is_new, false) && BeginRead(watched)) {
        to_read.push_back(order_id);
      }
      place = watched.watchers.empty() ? orders_.erase(place) : std::next(place);
    }
    if (orders_.empty()) known_.reset();
    if ((std::exchange(look_again_, false) || again) && !orders_.empty()) looking_ = true;
    again = looking_;
    after = known_;
  }
  for (AnyInvocable<void()>& answer : answers) answer();
  for (const std::string& order_id : to_read) Read(order_id);
  if (again) StartLook(after);
}

bool OrderWatch::Parts::BeginRead(Watched& watched) {
  if (std::exchange(watched.reading, true)) {
    watched.again = true;
    return false;
  }
  return true;
}

void OrderWatch::Parts::Read(const std::string& order_id) {
  Begun();
  store_.Get(order_id, Deadline::Never(),
             [this, order_id](const StatusOr<std::shared_ptr<const Order>>& order) {
               Got(order_id, order);
               Ended();
             });
}

void OrderWatch::Parts::Got(const std::string& order_id,
                            const StatusOr<std::shared_ptr<const Order>>& order) {
  const auto seen = order.ok() ? std::make_shared<const Seen>(*order) : nullptr;
  Answers answers;
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    const auto place = orders_.find(order_id);
    if (place == orders_.end()) return;
    Watched& watched = place->second;
    waiting_.fetch_sub(static_cast<int>(std::erase_if(watched.watchers, [&](const auto& watcher) {
      return seen != nullptr ? watcher->See(seen, answers) : watcher->Fail(order.status(), answers);
    })));
    watched.reading = false;
    again = std::exchange(watched.again, false) && !watched.watchers.empty();
    if (again) watched.reading = true;
    Forget(order_id);
  }
  for (AnyInvocable<void()>& answer : answers) answer();
  if (again) Read(order_id);
}

void OrderWatch::Parts::End(bool streams) {
  Answers answers;
  {
    const std::lock_guard lock(mutex_);
    (streams ? streams_ended_ : waits_ended_) = true;
    for (auto place = orders_.begin(); place != orders_.end();) {
      auto& watchers = place->second.watchers;
      waiting_.fetch_sub(static_cast<int>(std::erase_if(watchers, [&](const auto& watcher) {
        return watcher->is_stream() == streams && watcher->Fail(rpc::ServerIsStopping(), answers);
      })));
      place = watchers.empty() ? orders_.erase(place) : std::next(place);
    }
    if (orders_.empty()) known_.reset();
  }
  for (AnyInvocable<void()>& answer : answers) answer();
}

}  // namespace lockstep::order
