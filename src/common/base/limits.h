// Every limit of Lockstep, with its unit and its reason. Reaching one is an error that names it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace lockstep::limits {

using namespace std::chrono_literals;

// --- what a request may hold
inline constexpr std::size_t kIdBytesMax =
    64;  // ids and request ids: a UUID and some room for a prefix
inline constexpr std::size_t kDisplayNameBytesMax = 200;  // a line of text
inline constexpr std::size_t kStreetBytesMax = 200;       // a line of an address
inline constexpr std::size_t kCityBytesMax = 100;         // the longest place names have under 100
inline constexpr std::size_t kPostalCodeBytesMax =
    16;  // the longest national format has 10 characters
inline constexpr std::size_t kCategoryBytesMax = 100;  // a heading of a menu
inline constexpr int kOrderLinesMax = 100;             // the largest of 10,127 real orders has 60
inline constexpr int kQuantityMax = 1000;       // portions a line; the largest real one has 32
inline constexpr int kMenuItemsMax = 1000;      // a menu; a real one has 248
inline constexpr int kPostalPrefixesMax = 100;  // a delivery area
inline constexpr int kPageSizeMax = 1000;       // rows of a list call
inline constexpr int kPageSizeDefault = 50;     // the same where the caller names none
inline constexpr std::size_t kPageTokenBytesMax = 256;  // one of our own tokens has under 200
inline constexpr std::size_t kMessageBytesMax =
    1 << 20;  // a full menu at its limits has under 700 KiB
inline constexpr std::size_t kMetadataBytesMax = 16
                                                 << 10;  // gRPC's own default is 8 KiB a direction
inline constexpr std::size_t kViolationsMax =
    16;  // fields that one error names: errors travel in metadata, of which many clients take 8 KiB
inline constexpr std::size_t kRefusalsInErrorMax =
    8;  // for the same reason; the order has them all
inline constexpr std::size_t kRefusalTextBytesMax = 240;  // of each: two ids and the words between
inline constexpr std::size_t kMethodNameBytesMax = 200;   // "package.Service/Method"; ours have 60
inline constexpr int kFaultsMax = 100;                    // rules of one server
inline constexpr std::size_t kErrorDetailBytesMax =
    5 << 10;  // clients accept 8 KiB of trailers, in base64: 6 KiB
inline constexpr std::size_t kErrorMessageBytesMax =
    1000;  // as grpc-message encodes it: with the details it stays under those 8 KiB

// --- time
inline constexpr auto kTimeoutMax = 1h;  // any timeout, reserve, delay or limit that a user can set
inline constexpr auto kCallLimitDefault = 30s;        // work on a call that came without a deadline
inline constexpr auto kShutdownGraceDefault = 10s;    // work under way at SIGTERM
inline constexpr auto kControlShutdownGrace = 200ms;  // calls on the control port at the very end
inline constexpr auto kHousekeepingInterval = 250ms;  // health is so old at most
inline constexpr auto kLogFlushMax = 1s;              // waiting for a stuck stderr at exit
inline constexpr auto kRequestIdRetention = 24h;      // how long a request can be repeated
inline constexpr auto kCheckpointInterval =
    200ms;                                       // of the write-ahead log, by a thread of its own
inline constexpr auto kWriteProbeInterval = 5s;  // without a write, until one is tried
inline constexpr auto kBusyBudget = 5s;  // waiting for another process's lock on the same file
inline constexpr auto kRetryAfterFull = 100ms;  // what RESOURCE_EXHAUSTED advises
inline constexpr auto kRetryAfterUnreachable =
    500ms;  // what UNAVAILABLE advises: the longest reconnect backoff

// --- what a server holds at once
inline constexpr int kCallsInFlightDefault = 20'000;  // at under 64 KiB each: 1.3 GB
inline constexpr int kCallsInFlightMax = 100'000;     // what UpdateSettings accepts
inline constexpr int kLoopCallsMax =
    3 * kCallsInFlightMax;  // on one loop: an order waits for two others and may be delayed
inline constexpr int kPoolThreadsDefault = 64;  // blocking orders at once
inline constexpr int kPoolThreadsMax = 1024;    // at 8 MiB of address space each
inline constexpr int kPoolQueueDefault = 256;   // blocking orders waiting for a thread
inline constexpr int kPoolQueueMax = 100'000;
inline constexpr std::size_t kStoreQueueMax = 100'000;  // writes waiting for the store thread
inline constexpr int kCommitBatchMax =
    256;  // writes a commit: 64 gain all there is to gain, see scripts/bench
inline constexpr int kPurgeBatchRows = 500;  // rows a purge removes in one transaction: about 2 ms
inline constexpr int kStoreCacheKibibytes = 64 << 10;   // pages in memory: the writer's connection
inline constexpr int kReaderCacheKibibytes = 8 << 10;   // the same of each reader's
inline constexpr int kReaderThreadsDefault = 2;         // a file; reads come from memory mostly
inline constexpr std::size_t kReadQueueMax = 100'000;   // reads waiting for a reader thread
inline constexpr int kCachedStatementsMax = 256;        // a connection; a service has under 60
inline constexpr std::int64_t kWalBytesMax = 64 << 20;  // of the log: beyond it, it is restarted

// --- checkout
inline constexpr auto kReservationTime = 10min;  // of an order: portions are held until then
// A checkout that a style waits for is undone, if nobody has settled it, after the caller's
// deadline, or after so long, and a moment for the commit.
inline constexpr auto kCheckoutTimeMax = 20s;
inline constexpr auto kCheckoutGrace = 2s;

// --- stock and accounts
inline constexpr int kStockItemsMax = kMenuItemsMax;        // items of one question: a menu
inline constexpr std::int64_t kStockedMax = 1'000'000'000;  // portions of an item, ever
inline constexpr auto kReservationTimeMax = 24h;            // a reservation may last
inline constexpr std::int64_t kAccountUnitsMax =
    1'000'000'000;  // a balance, a credit limit: their sum and a payment can still be added
// Ended reservations, and what undid something before it came, are known for so long: whatever
// comes later than that is not refused for it.
inline constexpr auto kEndedRetention = 24h;
inline constexpr int kFraudHistoryMin = 10;    // payments from which an average says something
inline constexpr int kFraudAmountFactor = 50;  // times that average: an unusual amount
inline constexpr int kFraudPaymentsPerMinuteMax =
    6'000;  // of one consumer; loads of 200 consumers stay below a third of it
inline constexpr auto kFraudScoringInterval = 1s;  // of the background scoring
inline constexpr auto kFraudScoreTimeout = 1s;     // of one question of the background scoring
inline constexpr auto kFraudMarkLasts = 1min;      // from the scoring that suspected a consumer on
inline constexpr std::size_t kFraudScoredMax = 10'000;  // consumers that one scoring looks at

// --- messages and feeds
inline constexpr int kDeliverEnvelopesMax = 256;  // messages a Deliver: one commit's
inline constexpr std::size_t kEnvelopePayloadBytesMax = 64
                                                        << 10;  // an order at its limits has 30 KiB
inline constexpr std::size_t kDeliverBytesMax = 512 << 10;  // of a Deliver, under kMessageBytesMax
inline constexpr std::size_t kMessageIdBytesMax = 100;      // a UUID, or a feed's id and a number
inline constexpr std::size_t kMessageTypeBytesMax =
    100;                                      // "lockstep.restaurant.v1.…": ours have 50
inline constexpr int kTypeVersionMax = 1000;  // of a message; ours have 1
inline constexpr std::size_t kDestinationBytesMax = 300;  // a role, or HOST:PORT: names have 253
inline constexpr int kCallerMailboxesMax = 256;           // connections to mailboxes of callers
inline constexpr int kDeliverWaitingMax = 10'000;         // messages that wait for the store thread
inline constexpr int kMessageAttempts = 8;                // tries of a message that is refused
inline constexpr auto kDeliverTimeout = 5s;               // of a Deliver
inline constexpr auto kRelayBackoffMin = 50ms;            // before the second try
inline constexpr auto kRelayBackoffMax = 2s;    // before any: so late a peer that returns is heard
inline constexpr auto kRelayStopGrace = 500ms;  // for deliveries under way when a relay stops
inline constexpr auto kRelayLease = 2s;         // until another process takes a relay's work over
inline constexpr int kRelayKeysHeldMax = 10'000;  // keys of a destination that wait for a retry
inline constexpr auto kPurgeInterval = 1s;        // between looks for what can be purged
inline constexpr auto kPurgePause = 20ms;      // between purges while there is more: 25,000 rows/s
inline constexpr auto kMessageRetention = 1h;  // of sent and heard messages
inline constexpr auto kOtherProcessPoll = 20ms;  // until a commit of another process is noticed
inline constexpr int kFeedPieceChanges = 256;    // changes of a piece of a feed
inline constexpr std::size_t kFeedPieceBytes =
    256 << 10;                                   // the same, in bytes, unless one alone has more
inline constexpr auto kFeedHeartbeat = 250ms;    // so late at most a copy knows its age
inline constexpr auto kFeedSilenceMax = 4s;      // of a feed's peer: sixteen heartbeats; then anew
inline constexpr auto kFeedConnectMax = 1s;      // until another address of the peer is tried
inline constexpr auto kFeedBackoffMin = 100ms;   // before a feed is followed again
inline constexpr auto kFeedBackoffMax = 2s;      // the same after many failures
inline constexpr auto kFeedTrimInterval = 1min;  // between two looks for changes to remove
inline constexpr auto kFeedPositionInterval =
    1s;  // how often a position is kept where nothing in the feed was of interest
inline constexpr auto kFeedRetention = 24h;  // of changes; older: a snapshot
// Until what is sent to a caller's mailbox expires: so long its outcome can be asked for as well.
inline constexpr auto kCallerMessageExpiry = kRequestIdRetention;
inline constexpr auto kCopyAgeMaxDefault = 1h;          // of a copy that orders are judged by
inline constexpr auto kValidationLimitDefault = 10min;  // an order may be PENDING
inline constexpr auto kCommonDataPoll = 100ms;          // of the shared file
inline constexpr auto kLongTimeMax = 24h;               // copy_age_max, validation_limit
inline constexpr int kStreamsMax = 10'000;              // open streams of a server

// Between writes of a copy's age into the file, while nothing but time passes.
inline constexpr auto kCopyAgeKept = 5s;
// Versions of a record whose times are kept for the audit of orders that are still on their way.
inline constexpr int kCopyVersionsKept = 100;

inline constexpr int kLoopsMax = 64;                       // --loops: a thread each
inline constexpr int kControlThreadsMax = 16;              // of the control server, gRPC's own
inline constexpr std::size_t kLogQueueBytesMax = 1 << 20;  // lines waiting for a slow stderr

static_assert(kCallsInFlightDefault <= kCallsInFlightMax);
static_assert(kStoreQueueMax >=
              kCallsInFlightMax);  // a call under way has at most one write waiting
static_assert(kReadQueueMax >= kCallsInFlightMax);  // and at most one read
static_assert(kPoolThreadsDefault <= kPoolThreadsMax && kPoolQueueDefault <= kPoolQueueMax);
static_assert(kPageSizeDefault <= kPageSizeMax);
static_assert(kRetryAfterUnreachable < kCallLimitDefault);

}  // namespace lockstep::limits
