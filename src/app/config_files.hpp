// What a configuration names: keys, certificates, folders. Looked at before anything is opened, so that every mistake is told at once.
#pragma once

#include "config.hpp"

namespace sluice::app {

// Reads what `c` names and adds an error, at the place where it is named, for each thing the gateway could not start with. A policy folder
// that holds no bundle is a warning: it may still come, and the gateway can enforce what its state directory keeps. Makes nothing.
void check_named_files(const config& c, policy::diagnostics& found);

}  // namespace sluice::app
