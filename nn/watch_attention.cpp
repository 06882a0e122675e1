#include <heed/nn/watch_attention.h>

#include <algorithm>

namespace heed::nn {

namespace {
thread_local WatchAttention* innermost = nullptr;
}

WatchAttention::WatchAttention() : before_(std::exchange(innermost, this)) {}
WatchAttention::~WatchAttention() { innermost = before_; }

WatchAttention* WatchAttention::current() { return innermost; }

void WatchAttention::add(const Tensor& weights) {
  const ModuleName& name = Op::current() ? Op::current()->module() : ModuleName();
  for (WatchAttention* guard = this; guard; guard = guard->before_)
    guard->looks_.emplace_back(name ? *name : "", weights.detach());
}

const Tensor& WatchAttention::operator[](const ChildName& module) const {
  for (auto look = looks_.rbegin(); look != looks_.rend(); ++look)
    if (look->first == module.text) return look->second;
  std::vector<std::string> names;
  for (const auto& [name, weights] : looks_)
    if (const std::string quoted = fmt::format("\"{}\"", name); std::ranges::find(names, quoted) == names.end())
      names.push_back(quoted);
  fail<ValueError>({"WatchAttention", module.where}, "no attention \"{}\" has looked; need {}", module.text,
                   names.empty() ? "a forward pass while it lives" : "one of " + join(names, ", "));
}

}  // namespace heed::nn
