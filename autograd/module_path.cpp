#include <heed/autograd/module_path.h>

#include <algorithm>

#include <heed/autograd/node.h>

namespace heed {

namespace {

const autograd::ModulePath kOutside;
thread_local const autograd::ModulePath* path_here = &kOutside;
thread_local const Loc* caller_here = nullptr;

/// How much of the name of a parameter is that of the module which holds both.
size_t shared_length(std::string_view a, std::string_view b) {
  const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  const size_t dot = a.substr(0, static_cast<size_t>(differs - a.begin())).rfind('.');
  return dot == std::string_view::npos ? 0 : dot;
}

}  // namespace

namespace autograd {

const ModulePath& current_module() { return *path_here; }
Loc caller_or(Loc loc) { return caller_here ? *caller_here : loc; }

void set_name(const Tensor& leaf, std::string name) {
  const auto shared = std::make_shared<const std::string>(std::move(name));
  leaf.node()->module = {shared, shared_length(*shared, *shared)};
  leaf.node()->name = shared;
}

}  // namespace autograd

InModule::InModule(const Tensor& a, const Tensor& b, std::optional<Loc> loc) : where_(loc) {
  if (a.node() && b.node() && a.node()->name && b.node()->name)
    path_.emplace(a.node()->name, shared_length(*a.node()->name, *b.node()->name));
  enter();
}

InModule::InModule(autograd::ModulePath module, Loc loc) : path_(std::move(module)), where_(loc) { enter(); }

InModule::InModule(Loc loc) : where_(loc) { enter(); }

void InModule::enter() {
  path_before_ = path_here;
  caller_before_ = caller_here;
  if (path_) path_here = &*path_;
  if (where_ && !caller_here) caller_here = &*where_;
}

InModule::~InModule() {
  path_here = path_before_;
  caller_here = caller_before_;
}

}  // namespace heed
