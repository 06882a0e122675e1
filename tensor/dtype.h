// Element types and the one switch over them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace heed {

/// The type of a tensor's elements.
enum class DType : uint8_t { f32, f64, i64, boolean };
using enum DType;

/// "f32", "f64", "i64" or "boolean".
constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case f32: return "f32";
    case f64: return "f64";
    case i64: return "i64";
    case boolean: return "boolean";
  }
  return "?";
}

/// Whether it is f32 or f64.
constexpr bool is_floating(DType dtype) { return dtype == f32 || dtype == f64; }

/// The DType of a C++ element type: float, double, int64_t, bool.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return f32;
  else if constexpr (std::is_same_v<T, double>) return f64;
  else if constexpr (std::is_same_v<T, int64_t>) return i64;
  else {
    static_assert(std::is_same_v<T, bool>, "element types are float, double, int64_t and bool");
    return boolean;
  }
}

/// Calls `f.template operator()<T>()` with the C++ type of `dtype`.
template <class F>
constexpr decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case f32: return std::forward<F>(f).template operator()<float>();
    case f64: return std::forward<F>(f).template operator()<double>();
    case i64: return std::forward<F>(f).template operator()<int64_t>();
    default: return std::forward<F>(f).template operator()<bool>();
  }
}

/// Bytes of an element.
constexpr size_t size_of(DType dtype) {
  return dispatch(dtype, []<class T>() { return sizeof(T); });
}

/// As dispatch, over float and double only; every other dtype must have been refused before.
template <class F>
decltype(auto) dispatch_floating(DType dtype, F&& f) {
  if (dtype == f64) return std::forward<F>(f).template operator()<double>();
  return std::forward<F>(f).template operator()<float>();
}

}  // namespace heed
