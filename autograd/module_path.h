// Which module computes: what the graph's groups and the messages about anomalies call the place of an op.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <heed/tensor/tensor.h>

namespace heed {

namespace autograd {

/// The dotted name of a module, "h.0.attn": the beginning of the name of one of its parameters, which it shares, so that
/// recording copies no text. Empty outside of every module.
class ModulePath {
 public:
  ModulePath() = default;
  ModulePath(std::shared_ptr<const std::string> name, size_t length) : name_(std::move(name)), length_(length) {}
  std::string_view view() const { return name_ ? std::string_view(*name_).substr(0, length_) : std::string_view(); }

 private:
  std::shared_ptr<const std::string> name_;
  size_t length_ = 0;
};

/// Of the ops that this thread records now.
const ModulePath& current_module();
/// The line that called the outermost module from outside, or `where` if no module computes.
Loc caller_or(Loc loc);

/// Names a leaf. A parameter's name is that of its module, a dot, and its own: "h.0.attn.c_attn.weight".
void set_name(const Tensor& leaf, std::string name);

}  // namespace autograd

/// While it lives, what this thread records belongs to one module, which is told from the names of its parameters:
///
///   Tensor Mlp::operator()(const Tensor& x, Loc where) const {
///     const InModule here(c_fc.weight, c_proj.weight, where);  // "h.0.mlp": what both names begin with
///     return c_proj(gelu(c_fc(x)));
///   }
///
/// One parameter of the module's own, or one each of two children. If one has no name, the module around it remains.
/// `where`, if given, is the caller's line: graphs and anomalies name that of the outermost module.
class InModule {
 public:
  explicit InModule(const Tensor& parameter, std::optional<Loc> loc = {}) : InModule(parameter, parameter, loc) {}
  InModule(const Tensor& a, const Tensor& b, std::optional<Loc> loc = {});
  InModule(autograd::ModulePath module, Loc loc);
  /// A whole model, which has no name.
  explicit InModule(Loc loc);
  ~InModule();
  InModule(const InModule&) = delete;
  InModule& operator=(const InModule&) = delete;

 private:
  void enter();

  std::optional<autograd::ModulePath> path_;
  std::optional<Loc> where_;
  const autograd::ModulePath* path_before_;
  const Loc* caller_before_;
};

}  // namespace heed
