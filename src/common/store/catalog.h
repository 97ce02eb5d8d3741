// What a service knows by id, in memory: completion loops read it, because they may not wait for a
// file. A value is immutable; after the commit that changes it, it is replaced by a new one, so a
// reader keeps the one it found, whole, for as long as it likes.
//
// Threads: any. A lock is held only while a pointer is copied or a node is linked, never across
// file access; ids are spread over shards, so that readers seldom meet. Put is for the one that
// commits: two of the same id at the same time leave either.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace lockstep::store {

template <typename Value>
class Catalog {
 public:
  using Entry = std::shared_ptr<const Value>;

  // Null if there is none.
  Entry Find(std::string_view id) const {
    const std::size_t hash = TextHash()(id);
    const Shard& shard = shards_[ShardOf(hash)];
    const std::lock_guard lock(shard.mutex);
    const auto place = shard.entries.find(id);
    return place == shard.entries.end() ? nullptr : place->second;
  }

  // Adds it, or takes the place of the one there was.
  void Put(std::string_view id, Entry value) {
    Shard& shard = shards_[ShardOf(TextHash()(id))];
    {
      const std::lock_guard lock(shard.mutex);
      const auto place = shard.entries.find(id);
      if (place == shard.entries.end()) {
        shard.entries.emplace(std::string(id), std::move(value));
      } else {
        place->second.swap(value);
      }
    }
    // The one before dies here, if this was its last holder: not under the lock.
  }

  // Exchanges all entries, shard by shard: until it returns, readers find some of either. other is
  // the caller's own; nobody reads it meanwhile.
  void Swap(Catalog& other) {
    for (std::size_t i = 0; i < kShards; ++i) {
      const std::lock_guard lock(shards_[i].mutex);
      shards_[i].entries.swap(other.shards_[i].entries);
    }
  }

  // Exact only while nobody puts.
  std::size_t Size() const {
    std::size_t size = 0;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      size += shard.entries.size();
    }
    return size;
  }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  static constexpr std::size_t kShards = 16;     // a few for each thread that reads
  static constexpr std::size_t kCacheLine = 64;  // bytes: shards do not share one
  struct alignas(kCacheLine) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> entries;
  };

  // High bits: the map takes the low ones.
  static std::size_t ShardOf(std::size_t hash) { return (hash >> 32) % kShards; }

  std::array<Shard, kShards> shards_;
};

}  // namespace lockstep::store
