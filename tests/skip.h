// Tests that could not run here.
#pragma once

#include <string>

namespace heed::tests {

/// Says why the running test could not do its part, and has it counted as skipped unless it fails. The caller returns.
void skip(const std::string& why);

}  // namespace heed::tests
