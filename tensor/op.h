// Who is computing, and who called: the context that errors, recorded nodes, profiles and anomalies share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <heed/tensor/scoped.h>

namespace heed {

/// The caller's place in the source; public functions take one as a defaulted last argument.
/// As std::source_location, which clang before 16 does not have.
class Loc {
 public:
  /// The line that calls this, or whose default argument it is.
  static constexpr Loc current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  /// As __FILE__ and __LINE__ have it.
  constexpr const char* file_name() const { return file_; }
  constexpr unsigned line() const { return static_cast<unsigned>(line_); }

 private:
  constexpr Loc(const char* file, unsigned line) : file_(file), line_(line) {}
  const char* file_;
  uint64_t line_;  // half as wide, a copy would have to wait for it to be written
};

/// The dotted name of a module, "h.0.attn", shared with what it records; null or empty outside of every module.
using ModuleName = std::shared_ptr<const std::string>;

/// A public function that runs on this thread, from its first line to its end:
///
///   Tensor Mlp::operator()(const Tensor& x, Loc loc) const {
///     const Op op{"Mlp", name, loc};
///     return c_proj(gelu(c_fc(x)));
///   }
///
/// Calls nest. All that runs inside belongs to the line that called the outermost one and to the innermost module, so
/// nobody hands locations on: the message of a wrong weight inside c_fc reads
/// "linear in h.0.mlp.c_fc: ...  [train.cpp:41]".
class Op {
 public:
  const char* const name;  ///< of the function
  const Loc where;         ///< the line that called the outermost

  /// A function's call.
  explicit(false) Op(const char* function, Loc loc = Loc::current())
      : name(function),
        where(current_ ? current_->where : loc),
        outer_(current_),
        module_(current_ ? current_->module_ : nullptr),
        replayed_(current_ ? current_->replayed_ : nullptr) {
    current_ = this;
  }
  /// A module's; without a name, one of the module around it.
  Op(const char* function, const ModuleName& module, Loc loc = Loc::current()) : Op(function, loc) {
    if (module && !module->empty()) module_ = &module;
  }

  /// The gradient formula of an op that was recorded as number `id`, from the line `where`. It may not read what was
  /// written since: see Tensor::data.
  struct Recorded {
    const char* name;          ///< of the op
    const ModuleName& module;  ///< that ran it
    Loc where;                 ///< the line that called the outermost function
    uint64_t id;               ///< its node's
  };
  /// While its formula runs.
  explicit Op(const Recorded& op)
      : name(op.name), where(op.where), outer_(current_), module_(&op.module), replayed_(this), id_(op.id) {
    current_ = this;
  }
  ~Op() { current_ = outer_; }
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  /// Empty outside of every module.
  const ModuleName& module() const { return module_ ? *module_ : kNoModule; }
  /// The recorded op whose formula runs, and its number; null if none does.
  const Op* replayed() const { return replayed_; }
  uint64_t id() const { return id_; }

  /// The innermost on this thread, or null.
  static const Op* current() { return current_; }

  /// The name of the outermost on this thread, or `otherwise`: what errors of files are told as, since it is the user
  /// who chose the file, and the outermost that he called.
  static const char* called(const char* otherwise) {
    const Op* op = current_;
    while (op && op->outer_) op = op->outer_;
    return op ? op->name : otherwise;
  }

  /// While it lives, this thread runs in the call `op`, or with null in none: a worker in its caller's, a user's
  /// function that heed calls in its own.
  class Within : Scoped<const Op*> {
   public:
    explicit Within(const Op* op) : Scoped(current_, op) {}
  };

 private:
  static inline const ModuleName kNoModule;
  static inline constinit thread_local const Op* current_ = nullptr;

  const Op* outer_;
  const ModuleName* module_;
  const Op* replayed_;
  uint64_t id_ = 0;
};

}  // namespace heed
