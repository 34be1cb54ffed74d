// How a node asks a web server for its bundle: GET with If-None-Match, and Prefer: wait where the server may hold its answer back.
#pragma once

#include "config.hpp"
#include "sluice/store/agent.hpp"

namespace sluice::app {

// errc::invalid_argument: the token cannot be read.
[[nodiscard]] result<store::downloader> https_download(const https_config& from);

}  // namespace sluice::app
