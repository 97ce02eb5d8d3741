#include "lab/drain.h"

namespace lockstep::lab {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void Drain::Add(const BacklogReading& reading) {
  if (!readings_.empty() && reading.sent < readings_.back().sent) readings_.clear();
  readings_.push_back(reading);
  // One reading of before the window stays, so that the window is covered.
  while (readings_.size() > 2 && readings_[1].time <= reading.time - window_) {
    readings_.pop_front();
  }
}

std::optional<double> Drain::PerSecond() const {
  if (readings_.size() < 2) return std::nullopt;
  const BacklogReading& first = readings_.front();
  const BacklogReading& last = readings_.back();
  if (last.time <= first.time) return std::nullopt;
  return static_cast<double>(last.sent - first.sent) / Seconds(last.time - first.time);
}

std::optional<Duration> Drain::Left() const {
  if (readings_.empty()) return std::nullopt;
  const BacklogReading& first = readings_.front();
  const BacklogReading& last = readings_.back();
  if (last.waiting == 0) return Duration::zero();
  if (last.time <= first.time || last.waiting >= first.waiting) return std::nullopt;
  const double per_second =
      static_cast<double>(first.waiting - last.waiting) / Seconds(last.time - first.time);
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(static_cast<double>(last.waiting) / per_second));
}

}  // namespace lockstep::lab
