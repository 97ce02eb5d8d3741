// A file that the leaf and the load share as memory: when the leaf began and answered each numbered
// call, by the monotonic clock, which is the same in all processes. Threads: any; a slot is written
// by one.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace lockstep::lab {

struct Moment {  // nanoseconds; 0: not yet
  std::atomic<std::int64_t> begun;
  std::atomic<std::int64_t> answered;
  std::atomic<std::int64_t> deadline;  // as it arrived at the leaf
};

// Two questions a call: to Consumer, to Restaurant.
enum class Question { kConsumer = 0, kRestaurant = 1 };

class Moments {
 public:
  // Made anew with room for so many calls, or opened as it is if calls is 0. Ends the process if it
  // cannot.
  Moments(const std::string& path, std::int64_t calls) {
    const int file =
        open(path.c_str(), calls > 0 ? O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDWR | O_CLOEXEC,
             0600);
    struct stat state{};
    const bool sized = file >= 0 && (calls == 0 || ftruncate(file, calls * kBytesPerCall) == 0) &&
                       fstat(file, &state) == 0;
    bytes_ = static_cast<std::size_t>(state.st_size);
    void* memory =
        sized ? mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (file >= 0) close(file);
    if (memory == MAP_FAILED) {
      fmt::print(stderr, "{} cannot be shared\n", path);
      std::exit(1);
    }
    moments_ = static_cast<Moment*>(memory);
  }
  Moments(const Moments&) = delete;
  Moments& operator=(const Moments&) = delete;
  ~Moments() { munmap(moments_, bytes_); }

  // Null for a call that has no room.
  Moment* Of(std::int64_t call, Question question) {
    const std::int64_t place = 2 * call + static_cast<int>(question);
    const auto places = static_cast<std::int64_t>(bytes_ / sizeof(Moment));
    return call >= 0 && place < places ? moments_ + place : nullptr;
  }

 private:
  static constexpr std::int64_t kBytesPerCall = 2 * sizeof(Moment);
  std::size_t bytes_ = 0;
  Moment* moments_ = nullptr;
};

// The number of a call travels in the id of its consumer and of its restaurant: "n17", or
// "n17-stuck" for one that the leaf never answers.
struct Numbered {
  std::int64_t call = -1;  // none
  bool stuck = false;
};
inline std::string NumberedId(const Numbered& numbered) {
  return fmt::format("n{}{}", numbered.call, numbered.stuck ? "-stuck" : "");
}
inline Numbered NumberedOf(const std::string& id) {
  if (id.size() < 2 || id[0] != 'n' || id[1] < '0' || id[1] > '9') return {};
  return {std::strtoll(id.c_str() + 1, nullptr, 10), id.ends_with("-stuck")};
}

}  // namespace lockstep::lab
