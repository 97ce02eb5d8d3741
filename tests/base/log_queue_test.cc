// Logs through the queue: a pipe that nobody reads holds nobody up. And what Due promises.
#include "common/base/log.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "common/base/limits.h"
#include "tests/support/catch.h"

namespace lockstep::log {
namespace {

// Where the lines go while it lives.
class Pipe {
 public:
  Pipe() {
    int ends[2] = {};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    read_ = ends[0];
    write_ = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    (void)Flush(std::chrono::seconds(20));
    Configure({});
    close(read_);
    close(write_);
  }

  int write_end() const { return write_; }
  std::string Read() const {  // what is there; waits until something is
    std::string text(1 << 16, '\0');
    const ssize_t size = read(read_, text.data(), text.size());
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }
  int BytesThere() const {
    int bytes = 0;
    ioctl(read_, FIONREAD, &bytes);
    return bytes;
  }

 private:
  int read_ = -1;
  int write_ = -1;
};

std::int64_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("what the rate limit leaves out is counted once, whether Due or Write was asked") {
  Pipe pipe;
  Configure({.lines_per_second = 2, .descriptor = pipe.write_end()});
  const auto start = std::chrono::steady_clock::now();
  CHECK(Due(Level::kInfo, "limited"));  // asking uses nothing up
  CHECK(Due(Level::kInfo, "limited"));
  CHECK(Due(Level::kInfo, "limited"));
  Info("limited");
  Info("limited");
  CHECK(!Due(Level::kInfo, "limited"));
  Info("limited");
  CHECK(!Due(Level::kDebug, "limited"));  // below the level: never a line, never counted
  CHECK(Due(Level::kInfo, "another"));
  REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
  while (!Due(Level::kInfo, "another") ||
         std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1001)) {
  }
  Info("limited");
  REQUIRE(Flush(std::chrono::seconds(20)));
  const std::string text = pipe.Read();
  CHECK(Lines(text) == 3);
  CHECK(Contains(text, "left_out=2\n"));
}

TEST_CASE("writers are not held up by a full pipe, and what was dropped is counted") {
  Pipe pipe;
  REQUIRE(fcntl(pipe.write_end(), F_SETPIPE_SZ, 4096) >= 0);
  Configure({.lines_per_second = 0, .in_background = true, .descriptor = pipe.write_end()});
  const std::string message(1000, 'x');
  constexpr std::int64_t kWritten = 5000;  // 5 MB, five times what the queue holds
  static_assert(kWritten * 1000 > static_cast<std::int64_t>(4 * limits::kLogQueueBytesMax));
  for (int i = 0; i < kWritten; ++i) Info("filling", {{"message", message}});
  CHECK(!Flush(std::chrono::milliseconds(1)));  // nobody reads

  std::string all;
  const std::string dropped_mark = "log_lines_dropped lines=";
  while (!Contains(all, dropped_mark) || all.back() != '\n') all += pipe.Read();
  while (!Flush(std::chrono::milliseconds(1)) || pipe.BytesThere() > 0) {
    if (pipe.BytesThere() > 0) all += pipe.Read();
  }
  std::int64_t dropped = 0;
  std::int64_t drop_lines = 0;
  for (std::size_t at = all.find(dropped_mark); at != std::string::npos;
       at = all.find(dropped_mark, at + 1)) {
    dropped += std::stoll(all.substr(at + dropped_mark.size()));
    ++drop_lines;
  }
  CHECK(dropped > kWritten / 2);
  CHECK(Lines(all) - drop_lines + dropped == kWritten);
}

}  // namespace
}  // namespace lockstep::log
