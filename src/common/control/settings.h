// The settings in force: read by every call, changed by ControlService.UpdateSettings while the
// server runs. Threads: any. A change is whole or does not happen; the listeners have run when
// Update returns.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/status.h"
#include "lockstep/control/v1/control.pb.h"

namespace lockstep::control {

using v1::Settings;

// What a server starts with: every field of Settings but `order` and `consumer` at its default.
Settings DefaultSettings();
// What Order starts with, to be put into Settings.order.
v1::OrderSettings DefaultOrderSettings();
// The same of Consumer.
v1::ConsumerSettings DefaultConsumerSettings();

// Checks every field. INVALID_ARGUMENT names each that cannot stand: "settings.call_limit".
Status ValidateSettings(const Settings& settings);

class SettingsBoard {
 public:
  using Listener = std::function<void(const Settings&)>;

  // initial: valid, see ValidateSettings. A server whose initial settings have `order` has order
  // settings; any other refuses them. The same goes for `consumer`.
  explicit SettingsBoard(Settings initial);

  // Never null. Cheap; a call reads it once and keeps what it got.
  std::shared_ptr<const Settings> Get() const;

  // Takes over the fields that mask names, "drop_expired", "order.pool_threads"; "order" names all
  // of its fields, as does "consumer". An absent field takes its absent value: no timeout.
  // INVALID_ARGUMENT names each field and each path that cannot stand; then nothing changed.
  // UNAVAILABLE once closed.
  StatusOr<Settings> Update(const Settings& settings, const google::protobuf::FieldMask& mask);

  // Runs listener now, and after each change; changes wait for it, so it must be quick, and must
  // not call Update.
  void Listen(Listener listener);

  // From now on nothing changes, and no listener runs: what listens may go.
  void Close();

 private:
  std::mutex update_mutex_;  // one change at a time; taken before mutex_
  std::vector<Listener> listeners_;
  bool closed_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
};

}  // namespace lockstep::control
