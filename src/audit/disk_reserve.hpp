// Room on the disk that nothing uses until the disk is full: then the record goes there without which no old file may be removed.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::audit {

// A file of zeros that is removed when its room is needed. It stays when the process ends: the next one may begin on a full disk.
class disk_reserve {
 public:
  disk_reserve(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  // Takes the room, or keeps what is held. Where there is none, nothing is held: the log does its work without.
  void take();
  void give();
  [[nodiscard]] bool held() const { return held_; }

 private:
  std::string path_;
  std::uint64_t bytes_;
  bool held_ = false;
};

}  // namespace sluice::audit
