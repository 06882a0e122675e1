// Parameters have names from birth: the store that holds them, and the scope that names them.
#pragma once

#include <concepts>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heed/autograd/module_path.h>
#include <heed/tensor/tensor.h>

namespace heed::nn {

class Scope;

/// The name of a child scope, and where it was given.
struct ChildName {
  std::string_view text;
  Loc where;
  template <std::convertible_to<std::string_view> Text>
  ChildName(const Text& name, Loc loc = Loc::current()) : text(name), where(loc) {}
};

/// Fills a new parameter; see nn/init.h.
using Init = std::function<void(const Tensor& parameter, Rng& rng)>;

/// Every trainable tensor of a model under its name, in the order of creation: the state dict, the
/// optimiser's list and the checkpoint in one. Scopes point to it, so it stays where it was made.
class Parameters {
 public:
  using Entry = std::pair<std::string, Tensor>;

  /// Parameters draw their first values from `rng`, which must outlive the modules (dropout draws from it
  /// too). dtype f32 or f64; throws DTypeError.
  explicit Parameters(Rng& rng, DType dtype = f32, Loc loc = Loc::current());
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  Scope root();
  Rng& rng() const { return rng_; }
  DType dtype() const { return dtype_; }

  /// Iteration gives (name, tensor); a tied parameter appears once, under its first name.
  std::deque<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::deque<Entry>::const_iterator end() const { return entries_.end(); }
  /// How many tensors, and how many numbers in them.
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  int64_t numel() const;

  /// The parameter of that name or alias; null if there is none.
  const Tensor* find(std::string_view name) const;
  /// The same; throws ValueError naming the closest names.
  const Tensor& at(std::string_view name, Loc loc = Loc::current()) const;
  /// Second names of tied parameters: (alias, name).
  const std::vector<std::pair<std::string, std::string>>& aliases() const { return aliases_; }

  void zero_grad() const;

  /// Writes all to, and reads all from, a safetensors file (nn/parameters_file.h).
  void save(const std::filesystem::path& path, Loc loc = Loc::current()) const;
  void load(const std::filesystem::path& path, Loc loc = Loc::current());

 private:
  friend class Scope;
  void check_free(const Op& op, const std::string& name) const;
  std::string closest(std::string_view name) const;

  Rng& rng_;
  DType dtype_;
  std::deque<Entry> entries_;  // a deque, so that pointers from find() survive later parameters
  std::vector<std::pair<std::string, std::string>> aliases_;
};

/// Where in a model a module is being built: a prefix of names in one store.
/// Needed in constructors only.
class Scope {
 public:
  /// The scope of a child: names below it begin with "child.".
  /// Throws ValueError for a malformed name.
  Scope operator/(const ChildName& child) const;
  Scope operator/(int64_t index) const;

  /// Creates, fills, names and registers one parameter. Throws ValueError if the name is taken or malformed.
  Tensor param(std::string_view name, const Shape& shape, const Init& init, Loc loc = Loc::current()) const;
  /// Gives `parameter`, made in this store, a second name.
  /// Throws ValueError if it is not there or the name is taken.
  void tie(std::string_view name, const Tensor& parameter, Loc loc = Loc::current()) const;

  Rng& rng() const { return store_->rng_; }
  DType dtype() const { return store_->dtype_; }
  const std::string& prefix() const { return prefix_; }  ///< "h.0.attn", "" at the root

 private:
  friend class Parameters;
  Scope(Parameters* store, std::string prefix) : store_(store), prefix_(std::move(prefix)) {}
  std::string full_name(const Op& op, std::string_view name) const;

  Parameters* store_;
  std::string prefix_;
};

/// Whether modules train on this thread: dropout drops only then.
bool training();

/// While it lives, this thread's modules evaluate: dropout does nothing and draws nothing. Guards nest.
class EvalMode {
 public:
  EvalMode();
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  bool before_;
};

}  // namespace heed::nn
