// Printing tensors as NumPy prints arrays, through fmt and through streams.
#pragma once

#include <iosfwd>
#include <string>

#include <fmt/core.h>

#include <heed/tensor/tensor.h>

namespace heed {

/// How much of a tensor is printed, and how exactly.
struct FormatOptions {
  int precision = 4;         ///< digits after the point; trailing zeros are left out
  int64_t threshold = 1000;  ///< above this many elements, each axis shows only its ends
  int64_t edge = 3;          ///< elements shown at each end
  int width = 75;            ///< columns before a row wraps
};

/// "[[1. 2.]\n [3. 4.]]": elements right-aligned, scientific where the range asks for it; dtype named unless f32, i64
/// or boolean.
std::string to_string(const Tensor& x, const FormatOptions& options = {});
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace heed

/// Its name.
template <>
struct fmt::formatter<heed::DType> : fmt::formatter<std::string_view> {
  appender format(heed::DType dtype, format_context& context) const;
};

template <>
struct fmt::formatter<heed::Tensor> : fmt::formatter<std::string_view> {
  appender format(const heed::Tensor& x, format_context& context) const;
};
