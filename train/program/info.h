// What `heed info` does.
#pragma once

namespace heed::train::program {

struct InfoFlags {
  bool json = false;
};

/// What heed is, what it runs on, and how fast products are here: for reports, and to see what slows it down. Returns
/// the exit code.
int info(const InfoFlags& flags);

}  // namespace heed::train::program
