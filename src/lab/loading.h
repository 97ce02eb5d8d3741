// Puts restaurants, menus and consumers into running services, so that they stand there as the
// files have them. Idempotent: what is there already and the same is left alone, what differs is
// changed. Threads: one.
#pragma once

#include <functional>

#include "lab/samples.h"
#include "lab/servers.h"

namespace lockstep::lab {

struct Loaded {
  int restaurants = 0;
  int menu_items = 0;
  int consumers = 0;
  int changed = 0;  // restaurants and consumers that were there, but different
};

// progress: called after each one, with how many are done.
Status LoadRestaurants(RestaurantPeer& peer,
                       const std::vector<restaurant::v1::Restaurant>& restaurants, Loaded& loaded,
                       const std::function<void(int)>& progress);
Status LoadConsumers(ConsumerPeer& peer, const std::vector<SampleConsumer>& consumers,
                     Loaded& loaded, const std::function<void(int)>& progress);

// What turns the menu that is there into the one that is wanted. Pure.
restaurant::v1::ReviseMenuRequest MenuRevision(const restaurant::v1::Restaurant& there,
                                               const restaurant::v1::Restaurant& wanted);

}  // namespace lockstep::lab
