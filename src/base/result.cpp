// Names of error codes.
#include "sluice/base/result.hpp"

namespace sluice {

std::string_view to_string(errc code) {
  switch (code) {
    case errc::invalid_argument: return "invalid argument";
    case errc::parse: return "parse error";
    case errc::limit: return "limit passed";
    case errc::unavailable: return "unavailable";
    case errc::io: return "input/output error";
    case errc::timeout: return "timed out";
    case errc::closed: return "closed";
    case errc::refused: return "refused";
    case errc::not_found: return "not found";
    case errc::conflict: return "conflict";
    case errc::integrity: return "integrity error";
    case errc::internal: return "internal error";
  }
  return "unknown error";
}

}  // namespace sluice
