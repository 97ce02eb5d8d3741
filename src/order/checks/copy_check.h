// Asks a copy in place of the owner: the answer is there at once, says which version it was judged
// by and how old the copy was, and is no guess: a copy that is not ready, too old, or in doubt
// about the record is UNAVAILABLE.
//
// Threads: any. Ages compare the owner's clock with this one's; a negative one is taken for none.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <utility>

#include "common/base/limits.h"
#include "common/base/validate.h"
#include "order/checks/copy_book.h"
#include "order/ports.h"

namespace lockstep::order {

struct CopyTerms {
  explicit CopyTerms(std::string name, const Clock& with = Clock::Real())
      : node(std::move(name)), clock(with) {}
  const std::string node;  // who judges
  const Clock& clock;
  std::atomic<Duration> age_max = Duration(limits::kCopyAgeMaxDefault);  // older: UNAVAILABLE
};

// UNAVAILABLE with the peer, what there is to know, and when to try again.
inline Status CopyUnavailable(std::string reason, const char* peer, std::string message,
                              std::map<std::string, std::string> metadata = {}) {
  ErrorDetail detail;
  detail.reason = std::move(reason);
  detail.metadata = std::move(metadata);
  detail.metadata["peer"] = peer;
  detail.retry_after = limits::kRetryAfterUnreachable;
  return MakeError(StatusCode::kUnavailable, std::move(message), std::move(detail));
}

// What is the same for both questions, by the same names.
struct ConsumerCopies {
  using Port = ConsumerCheck;
  using Question = ConsumerQuestion;
  using Verdict = ConsumerVerdict;
  using Copy = ConsumerCopy;
  static constexpr const char* kPeer = kConsumerPeer;
  static const std::string& IdIn(const Question& question) { return question.consumer_id; }
};

struct RestaurantCopies {
  using Port = MenuCheck;
  using Question = MenuQuestion;
  using Verdict = MenuVerdict;
  using Copy = RestaurantCopy;
  static constexpr const char* kPeer = kRestaurantPeer;
  static const std::string& IdIn(const Question& question) { return question.restaurant_id; }
};

template <typename Copies>
class CopyCheck final : public Copies::Port {
 public:
  using Verdict = typename Copies::Verdict;

  // Both outlive it.
  CopyCheck(const CopyBook<typename Copies::Copy>& book, const CopyTerms& terms)
      : book_(book), terms_(terms) {}

  void Ask(const CheckCall& /*call*/, const typename Copies::Question& question,
           AnyInvocable<void(CheckResult<Verdict>)> done) override {
    done(Answer(question));
  }

 private:
  CheckResult<Verdict> Answer(const typename Copies::Question& question) const {
    const char* peer = Copies::kPeer;
    const std::optional<WallTime> as_of = book_.as_of();  // before the record
    if (!as_of) {
      return {CopyUnavailable("COPY_NOT_READY", peer,
                              fmt::format("there is no copy of what {} knows yet; it comes when {} "
                                          "has been heard once",
                                          peer, peer)),
              {}};
    }
    const WallTime now = terms_.clock.WallNow();
    const Duration age = std::max(now - *as_of, Duration::zero());
    const Duration age_max = terms_.age_max.load(std::memory_order_relaxed);
    const auto entry = book_.Find(Copies::IdIn(question));
    CopyTrace trace{peer, entry == nullptr ? 0 : entry->copy.version, age};
    if (age > age_max) {
      return {CopyUnavailable(
                  "COPY_TOO_OLD", peer,
                  fmt::format("the copy of what {} knows is {} old, more than copy_age_max, which "
                              "is {}; it grows younger when {} is heard again",
                              peer, DurationText(age), DurationText(age_max), peer),
                  {{"age", DurationText(age)}, {"copy_age_max", DurationText(age_max)}}),
              {},
              std::move(trace)};
    }
    if (entry != nullptr && !entry->problem.empty()) {
      return {CopyUnavailable("COPY_CORRUPT", peer,
                              fmt::format("what came from {} about {} cannot be believed: {}; a "
                                          "later change of it puts it right",
                                          peer, Copies::IdIn(question), entry->problem),
                              {{"id", Copies::IdIn(question)}}),
              {},
              std::move(trace)};
    }
    return {JudgeByCopy(entry == nullptr ? nullptr : &entry->copy, question, now, terms_.node),
            {},
            std::move(trace)};
  }

  const CopyBook<typename Copies::Copy>& book_;
  const CopyTerms& terms_;
};

}  // namespace lockstep::order
