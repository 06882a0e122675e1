// Typed errors. Every message reads "op: what is wrong, both values, what would be right  [file:line]".
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/core.h>

#include <heed/tensor/op.h>

namespace heed {

/// What heed throws: one sentence, and the line that called.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, Loc check = Loc::current()) : std::runtime_error(message), check_(check) {}
  /// The line of heed itself that found the fault; the message names the caller's.
  Loc check() const { return check_; }

 private:
  Loc check_;
};
// clang-format off
class ShapeError : public Error { using Error::Error; };  ///< sizes or ranks that do not fit
class DTypeError : public Error { using Error::Error; };  ///< an element type that the op does not take
class IndexError : public Error { using Error::Error; };  ///< an index or axis out of range
class ValueError : public Error { using Error::Error; };  ///< a number or option that makes no sense
class GradError : public Error { using Error::Error; };   ///< a gradient that cannot be had
class FileError : public Error { using Error::Error; };   ///< a file that is absent, unreadable, or not what it says
// clang-format on

/// "[train.cpp:41]": the file without its folders, and the line.
std::string to_string(const Loc& loc);

/// How far apart two names are, to say which one was meant: insertions, deletions and replacements that turn a into b
/// (Levenshtein 1966).
size_t edit_distance(std::string_view a, std::string_view b);

/// "op in module: message  [file:line]", without " in module" outside of one.
std::string compose_message(const Op& op, fmt::string_view format, fmt::format_args args);

/// The parts with `separator` between them, for lists in messages.
std::string join(std::span<const std::string> parts, std::string_view separator);

/// A message for fail, checked against its arguments when compiled, and the line that it stands on.
template <class... Args>
struct Complaint {
  fmt::format_string<Args...> format;  ///< the message
  Loc check;                           ///< the line in heed
  /// Checks the format against Args.
  template <class Text>
  consteval Complaint(const Text& text, Loc here = Loc::current()) : format(text), check(here) {}
};

/// Throws E with "op: message  [file:line]".
template <class E, class... Args>
[[noreturn]] void fail(const Op& op, std::type_identity_t<Complaint<Args...>> complaint, Args&&... args) {
  throw E(compose_message(op, complaint.format, fmt::make_format_args(args...)), complaint.check);
}

}  // namespace heed
