// Parameters have names from birth: the store that holds them, and the scope that names them.
#pragma once

#include <concepts>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heed/tensor/random.h>
#include <heed/tensor/tensor.h>

namespace heed::nn {

class Scope;

constexpr const char* kUnknownLicense = "unknown";  ///< of weights of which nobody said

/// The name of a child scope, and where it was given.
struct ChildName {
  std::string text;  ///< the name, without the dot
  Loc where;         ///< the line that gave it
  /// A name, or a number for one of several: "h" / 0.
  template <std::convertible_to<std::string_view> Text>
  ChildName(const Text& name, Loc loc = Loc::current()) : text(name), where(loc) {}
  ChildName(std::integral auto index, Loc loc = Loc::current()) : text(std::to_string(index)), where(loc) {}
};

/// Fills a new parameter; see nn/init.h.
using Init = std::function<void(Tensor parameter, Rng& rng)>;

/// Every trainable tensor of a model under its name, in the order of creation: the state dict, the
/// optimiser's list and the checkpoint in one. Scopes point to it, so it stays where it was made.
class Parameters {
 public:
  /// A name and its parameter, whose elements `assign` writes.
  using Entry = std::pair<const std::string, const Tensor>;

  /// First values are drawn from a generator of its own; dropout draws from it too. dtype f32 or f64; throws
  /// DTypeError.
  explicit Parameters(uint64_t seed, DType dtype = f32, Loc loc = Loc::current());
  /// The same from one that is lent, and must outlive the modules.
  explicit Parameters(Rng& rng, DType dtype = f32, Loc loc = Loc::current());
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  /// Where a child module is built: `nn::Linear encoder(params / "encoder", 3, 4)`.
  Scope operator/(const ChildName& child) &;
  /// What modules draw from, and the type of their parameters.
  Rng& rng() const { return *rng_; }
  DType dtype() const { return dtype_; }

  /// Iteration gives (name, tensor); a tied parameter appears once, under its first name.
  std::deque<Entry>::iterator begin() { return entries_.begin(); }
  std::deque<Entry>::iterator end() { return entries_.end(); }
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

  /// at(name).assign(values).
  void set(std::string_view name, const Tensor& values, Loc loc = Loc::current());
  /// Whether a parameter's name, a tied one's second name, or that of a module around it fits a pattern: "h.0",
  /// "*.bias", "h.[0-3].attn", with *, ? and [...] as in a shell. "" is the whole model.
  bool fits(const std::string& pattern, std::string_view name) const;
  /// Takes the parameters that fit a pattern from training: no gradients, no updates, no part in clipping; they stay in
  /// what is saved. unfreeze gives them back. Throws ValueError naming the closest names if nothing fits.
  void freeze(const std::string& pattern, Loc loc = Loc::current());
  void unfreeze(const std::string& pattern, Loc loc = Loc::current());

  /// Forgets the gradients of all.
  void zero_grad() const;

  /// Writes all to, and reads all from, a safetensors file, which says which heed wrote it and the weights' licence,
  /// as SPDX names it.
  void save(const std::filesystem::path& path, const std::string& license = kUnknownLicense,
            Loc loc = Loc::current()) const;
  void load(const std::filesystem::path& path, Loc loc = Loc::current());

 private:
  friend class Scope;
  Parameters(std::shared_ptr<Rng> rng, DType dtype, Loc loc);
  void check_free(const Op& op, const std::string& name) const;
  std::string closest(std::string_view name, bool modules = false) const;
  void set_training(const Op& op, const std::string& pattern, bool on);

  std::shared_ptr<Rng> rng_;  // which modules that draw keep; one that is lent belongs to nobody here
  DType dtype_;
  std::deque<Entry> entries_;  // a deque, so that pointers from find() survive later parameters
  std::vector<std::pair<std::string, std::string>> aliases_;
};

/// Where in a model a module is being built: a prefix of names in one store, and the line that asked for the module.
/// Needed in constructors only. A whole model is built from the store itself: `models::Gpt gpt(params, {...})`.
class Scope {
 public:
  /// The root of a store.
  Scope(Parameters& store, Loc loc = Loc::current());
  /// The scope of a child: names below it begin with "child.". Throws ValueError for a malformed name.
  Scope operator/(const ChildName& child) const;

  /// The scope below that a dotted name gives, "h.0.attn".
  Scope at(std::string_view dotted) const;

  /// Creates, fills, names and registers one parameter. Throws ValueError if the name is taken or malformed.
  Tensor param(std::string_view name, const Shape& shape, const Init& init) const;
  /// Gives `parameter`, made in this store, a second name.
  /// Throws ValueError if it is not there or the name is taken.
  void tie(std::string_view name, const Tensor& parameter) const;

  /// What the store draws from, and the type of its parameters.
  Rng& rng() const { return *store_->rng_; }
  /// The same, for a module to keep: it may outlive the store.
  const std::shared_ptr<Rng>& shared_rng() const { return store_->rng_; }
  DType dtype() const { return store_->dtype_; }
  /// "h.0.attn", "" at the root: what a module keeps to say who computes, see Op.
  const ModuleName& name() const { return name_; }
  /// The line that errors of a constructor name.
  Loc where() const { return where_; }

 private:
  Scope(Parameters* store, std::string name, Loc loc)
      : store_(store), name_(std::make_shared<const std::string>(std::move(name))), where_(loc) {}
  std::string full_name(const Op& op, std::string_view name) const;

  Parameters* store_;
  ModuleName name_;
  Loc where_;
};

/// Whether modules train on this thread: dropout drops only then.
bool training();

/// While it lives, this thread's modules evaluate: dropout does nothing and draws nothing. Guards nest.
class [[nodiscard]] EvalMode : Scoped<bool> {
 public:
  EvalMode();
};

}  // namespace heed::nn
