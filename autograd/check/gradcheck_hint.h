// What the wrong derivatives of an input have in common, and what that points to.
#pragma once

#include <string>
#include <vector>

#include <heed/autograd/check/gradcheck.h>

namespace heed::autograd {

/// One sentence, or "" if nothing stands out. `wrong`: all of one input's that were found; `elements`: how many of its
/// elements they belong to, of `compared` that were looked at.
std::string hint_for(const std::vector<Derivative>& wrong, int64_t elements, int64_t compared);

}  // namespace heed::autograd
