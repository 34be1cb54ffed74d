// While it lives, one kind of call on the disk fails in this process, as on a disk that is full or dying.
#pragma once

namespace sluice::store::testing {

class failing_disk {
 public:
  enum class call { none, write, sync, sync_folder, sync_named };  // sync_named: of a folder that has a state.json
  explicit failing_disk(call which);
  ~failing_disk();
  failing_disk(const failing_disk&) = delete;
  failing_disk& operator=(const failing_disk&) = delete;
};

}  // namespace sluice::store::testing
