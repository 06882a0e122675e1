// Runs the tests, and fails if any test leaves recorded nodes behind.
#ifdef HEED_CATCH2_V2
#define CATCH_CONFIG_RUNNER
#endif
#include <cstdio>

#include <heed/autograd/node.h>
#include "catch.h"

namespace {

#ifdef HEED_CATCH2_V2
using Listener = Catch::TestEventListenerBase;
const std::string& name_of(const Catch::TestCaseStats& stats) { return stats.testInfo.name; }
#else
using Listener = Catch::EventListenerBase;
const std::string& name_of(const Catch::TestCaseStats& stats) { return stats.testInfo->name; }
#endif

int leaking_tests = 0;

class LiveNodes : public Listener {
 public:
  using Listener::Listener;
  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    Listener::testCaseStarting(test);
    before_ = heed::autograd::Node::live();
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const int64_t left = heed::autograd::Node::live() - before_;
    if (left != 0) {
      ++leaking_tests;
      std::fprintf(stderr, "FAILED: %s\n  left %lld recorded nodes alive; need 0\n", name_of(stats).c_str(),
                   static_cast<long long>(left));
    }
    Listener::testCaseEnded(stats);
  }

 private:
  int64_t before_ = 0;
};
CATCH_REGISTER_LISTENER(LiveNodes)

}  // namespace

// Memory that cannot be had gives null under sanitizers too, as the tests of that error expect; they would abort.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  return failed != 0 ? failed : leaking_tests;
}
