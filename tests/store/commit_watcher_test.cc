#include "common/store/commit_watcher.h"

#include <atomic>

#include "common/store/store_file.h"
#include "tests/store/store_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace lockstep::store {
namespace {

using namespace test_marks;

StoreFileOptions Options(const std::string& path) {
  StoreFileOptions options;
  options.path = path;
  options.other_process_poll = 1ms;
  return options;
}

TEST_CASE("A commit on the same file through another writer wakes the listeners, each anew") {
  const test::TempDir directory;
  const std::string path = directory.File("marks.db");
  auto file = StoreFile::Open(Options(path), kSchema, [](Database&) { return OkStatus(); });
  REQUIRE(file.ok());
  std::atomic<int> woken = 0;
  const CommitSignal::Listening listening((*file)->committed(), [&woken] { ++woken; });

  const auto other = OpenOrFail(path);
  for (int nth = 0; nth < 3; ++nth) {
    const int before = woken;
    REQUIRE(Mark(*other, 1, nth).ok());
    CHECK(test::Eventually([&] { return woken > before; }));
  }
}

TEST_CASE("Where nobody commits, nobody is woken, and a stopped file wakes nobody") {
  const test::TempDir directory;
  const std::string path = directory.File("marks.db");
  auto file = StoreFile::Open(Options(path), kSchema, [](Database&) { return OkStatus(); });
  REQUIRE(file.ok());
  const auto other = OpenOrFail(path);
  std::atomic<int> woken = 0;
  const CommitSignal::Listening listening((*file)->committed(), [&woken] { ++woken; });
  // What came before the listening may still be noticed once.
  REQUIRE(Mark(*other, 1, 1).ok());
  REQUIRE(test::Eventually([&] { return woken > 0; }));
  (*file)->Stop();
  const int before = woken;
  REQUIRE(Mark(*other, 1, 2).ok());
  CHECK_FALSE(test::Eventually([&] { return woken > before; }, 20ms));
}

}  // namespace
}  // namespace lockstep::store
