// Runs the tests, fails if any test leaves recorded nodes behind, and counts those that could not run.
#ifdef HEED_CATCH2_V2
#define CATCH_CONFIG_RUNNER
#endif
#include <cstdio>
#include <string>

#include <heed/autograd/node.h>
#include "catch.h"
#include "skip.h"

namespace {

#ifdef HEED_CATCH2_V2
using Listener = Catch::TestEventListenerBase;
const std::string& name_of(const Catch::TestCaseStats& stats) { return stats.testInfo.name; }
#else
using Listener = Catch::EventListenerBase;
const std::string& name_of(const Catch::TestCaseStats& stats) { return stats.testInfo->name; }
#endif

int leaking_tests = 0;
std::string running;  // the name of the test
bool skipped_this = false;
Catch::Counts run;     // what Catch2 counted
uint64_t skipped = 0;  // of those, what passed only because it could not run

class Counter : public Listener {
 public:
  using Listener::Listener;
  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    Listener::testCaseStarting(test);
    running = test.name;
    skipped_this = false;
    before_ = heed::autograd::Node::live();
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const int64_t left = heed::autograd::Node::live() - before_;
    if (left != 0) {
      ++leaking_tests;
      std::fprintf(stderr, "FAILED: %s\n  left %lld recorded nodes alive; need 0\n", name_of(stats).c_str(),
                   static_cast<long long>(left));
    }
    skipped += skipped_this && stats.totals.testCases.failed == 0;
    Listener::testCaseEnded(stats);
  }
  void testRunEnded(const Catch::TestRunStats& stats) override {
    run = stats.totals.testCases;
    Listener::testRunEnded(stats);
  }

 private:
  int64_t before_ = 0;
};
CATCH_REGISTER_LISTENER(Counter)

}  // namespace

void heed::tests::skip(const std::string& why) {
  std::printf("skipped: %s: %s\n", running.c_str(), why.c_str());
  skipped_this = true;
}

// Memory that cannot be had gives null under sanitizers too, as the tests of that error expect; they would abort.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  const int status = Catch::Session().run(argc, argv);
  if (run.total() > 0)
    std::printf("%llu passed, %llu failed, %llu skipped\n", static_cast<unsigned long long>(run.passed - skipped),
                static_cast<unsigned long long>(run.failed) + static_cast<unsigned long long>(leaking_tests),
                static_cast<unsigned long long>(skipped));
  return status != 0 ? status : leaking_tests;
}
