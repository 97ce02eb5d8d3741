// A database that cannot be written: writes are UNAVAILABLE and health says why, reads go on; and
// it comes back by itself once it can be.
#include <sys/resource.h>

#include <csignal>

#include "common/store/transaction.h"
#include "tests/services/consumers.h"

namespace lockstep::test {
namespace {

// Another process's lock on the file, as far as SQLite can tell.
class ForeignLock {
 public:
  explicit ForeignLock(const std::string& path)
      : database_(*store::Database::Open(path, store::Mode::kReadWrite)),
        transaction_(store::Transaction::Begin(*database_)) {
    REQUIRE(transaction_.ok());
  }

 private:
  std::unique_ptr<store::Database> database_;
  StatusOr<store::Transaction> transaction_;
};

// No file of this process can grow past a byte: what a full disk does.
class FullDisk {
 public:
  FullDisk() {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old_) == 0);
    rlimit full = old_;
    full.rlim_cur = 1;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

store::StoreFileOptions Impatient(const std::string& path) {
  store::StoreFileOptions options = Consumers::Options(path);
  options.database.busy_budget = 20ms;
  return options;
}

void ExpectReadsToWork(Consumers& service) {
  CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c1"))) == "OK");
  CHECK(Said(service.Call(&ConsumerStub::ListConsumers, cv1::ListConsumersRequest())) == "OK");
  const auto verdict = service.Call(&ConsumerStub::ValidateConsumer, MayOrder("c1"));
  REQUIRE(Said(verdict) == "OK");
  CHECK(verdict->verdict().accepted());
}

// A look begins a probe; once that has been answered, the next look knows.
Status LookTwice(Consumers& service) {
  (void)service.service().Health();
  service.WaitForWriter();
  return service.service().Health();
}

template <typename Trouble>
void ExpectTroubleAndRecovery(Consumers& service, Trouble make_trouble) {
  REQUIRE(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"))) == "OK");
  REQUIRE(service.service().Health().ok());
  {
    const auto trouble = make_trouble();
    const auto refused = service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob"));
    CHECK(refused.status().code() == StatusCode::kUnavailable);
    CHECK(DetailOf(refused.status()).reason.rfind("STORE_", 0) == 0);
    CHECK(DetailOf(LookTwice(service)).reason == "STORE_NOT_WRITABLE");
    CHECK(DetailOf(LookTwice(service)).reason == "STORE_NOT_WRITABLE");  // it stays so
    CHECK(Said(service.Call(&ConsumerStub::GetConsumer, WhichConsumer("c2"))) ==
          "NOT_FOUND CONSUMER_UNKNOWN");
    ExpectReadsToWork(service);
  }
  CHECK(LookTwice(service).ok());  // by the probe alone
  CHECK(Said(service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c2", "Bob"))) == "OK");
  ExpectReadsToWork(service);
}

TEST_CASE("a file that another process has locked: not serving until it is released") {
  const TempDir dir;
  Consumers service(Impatient(dir.File("c.db")));
  ExpectTroubleAndRecovery(service,
                           [&] { return std::make_unique<ForeignLock>(dir.File("c.db")); });
}

TEST_CASE("a disk that is full: not serving until there is room") {
  const TempDir dir;
  Consumers service(Impatient(dir.File("c.db")));
  ExpectTroubleAndRecovery(service, [] { return std::make_unique<FullDisk>(); });
}

// How many probes a look makes, counting the items of the writer, of which one is WaitForWriter's.
std::int64_t ProbesOfALook(Consumers& service) {
  const std::int64_t before = service.file().writer().counters().items;
  REQUIRE(service.service().Health().ok());
  service.WaitForWriter();
  service.WaitForWriter();  // the item before is counted by now
  return service.file().writer().counters().items - before - 2;
}

struct AtManualTime {
  explicit AtManualTime(const std::string& path) : service(Options(path)) {
    service.rules().drop_expired = false;  // by the clock of the writer no call has a budget
  }
  store::StoreFileOptions Options(const std::string& path) const {
    store::StoreFileOptions options = Impatient(path);
    options.writer.clock = &clock;
    return options;
  }
  ManualClock clock;
  Consumers service;
};

TEST_CASE("trouble is noticed without a write, at the next probe") {
  const TempDir dir;
  AtManualTime at(dir.File("c.db"));
  CHECK(ProbesOfALook(at.service) == 0);
  at.clock.Advance(limits::kWriteProbeInterval - 1ns);
  CHECK(ProbesOfALook(at.service) == 0);
  const ForeignLock lock(dir.File("c.db"));
  CHECK(at.service.service().Health().ok());
  at.clock.Advance(1ns);
  CHECK(DetailOf(LookTwice(at.service)).reason == "STORE_NOT_WRITABLE");
}

TEST_CASE("writes are as good as probes, and no probe is made while they go through") {
  const TempDir dir;
  AtManualTime at(dir.File("c.db"));
  at.clock.Advance(limits::kWriteProbeInterval);
  REQUIRE(Said(at.service.Call(&ConsumerStub::CreateConsumer, NewConsumer("c1", "Ann"))) == "OK");
  CHECK(ProbesOfALook(at.service) == 0);
  at.clock.Advance(limits::kWriteProbeInterval);
  CHECK(ProbesOfALook(at.service) == 1);
  CHECK(ProbesOfALook(at.service) == 0);
}

}  // namespace
}  // namespace lockstep::test
