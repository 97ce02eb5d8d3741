// The tag of everything that a completion queue gives back: the object itself.
// Ownership: from the moment an operation is handed to gRPC until Complete is called it belongs to
// the queue, and nobody else may destroy it.
#pragma once

#ifdef LOCKSTEP_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace lockstep::rpc {

class Operation {
 public:
  // On the loop's thread. ok is gRPC's, and means something else for each kind of tag (see its
  // overriders). May destroy the object.
  virtual void Complete(bool ok) noexcept = 0;

  // The pointer to give to gRPC. Debian's gRPC is not instrumented, so ThreadSanitizer cannot see
  // that the queue orders what was done before the hand-over with what Complete does after it:
  // these two tell it.
  void* Tag() {
#ifdef LOCKSTEP_TSAN
    __tsan_release(this);
#endif
    return this;
  }
  static Operation* FromTag(void* tag) {
#ifdef LOCKSTEP_TSAN
    __tsan_acquire(tag);
#endif
    return static_cast<Operation*>(tag);
  }

 protected:
  ~Operation() = default;
};

}  // namespace lockstep::rpc
