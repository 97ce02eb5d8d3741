#include "order/checks/copies.h"

#include <future>
#include <utility>

namespace lockstep::order {

Copies::Copies(store::StoreFile& file, CopiesOptions options,
               std::atomic<std::int64_t>& orders_stale)
    : file_(file),
      options_(std::move(options)),
      terms_(options_.node, *options_.clock),
      counts_{.orders_stale = orders_stale},
      consumers_(file, of_feeds_.consumers, counts_, *options_.clock),
      restaurants_(file, of_feeds_.restaurants, counts_, *options_.clock) {}

StatusOr<std::unique_ptr<Copies>> Copies::Open(store::StoreFile& file, CopiesOptions options,
                                               std::atomic<std::int64_t>& orders_stale) {
  std::unique_ptr<Copies> self(new Copies(file, std::move(options), orders_stale));
  const auto answer = std::make_shared<std::promise<Status>>();
  std::future<Status> loaded = answer->get_future();
  file.readers().Read(
      [&self](store::Database& database) {
        Status consumers = self->consumers_.Load(database);
        return consumers.ok() ? self->restaurants_.Load(database) : consumers;
      },
      Deadline::Never(), [answer](const Status& status) { answer->set_value(status); });
  if (Status status = loaded.get(); !status.ok()) return status;
  return self;
}

bool Copies::Usable(const CopyBooks& books) const {
  const WallTime now = options_.clock->WallNow();
  const Duration age_max = terms_.age_max;
  for (const std::optional<WallTime> as_of : {books.consumers.as_of(), books.restaurants.as_of()}) {
    if (!as_of || now - *as_of > age_max) return false;
  }
  return true;
}

void Copies::Follow() {
  const auto follow = [this](CopyOwner owner, const std::vector<std::string>& addresses,
                             message::FeedListener& listener) {
    if (addresses.empty()) return;
    message::FeedSubscriberOptions options;
    options.source = NameOf(owner);
    options.addresses = addresses;
    options.subscriber = options_.node;
    subscribers_.push_back(std::make_unique<message::FeedSubscriber>(std::move(options), listener));
  };
  follow(CopyOwner::kConsumer, options_.consumer, consumers_);
  follow(CopyOwner::kRestaurant, options_.restaurant, restaurants_);
  if (options_.common_data.empty()) return;
  common_data_ =
      std::make_unique<CommonDataReader>(options_.common_data, file_, of_shared_file_, counts_);
}

void Copies::Stop() {
  for (const auto& subscriber : subscribers_) subscriber->Stop();
  if (common_data_ != nullptr) common_data_->Stop();
}

}  // namespace lockstep::order
