// A matrix as a PNG file.
#pragma once

#include <string>

#include <heed/tensor/tensor.h>

namespace heed::train {

/// The bytes of a PNG in grey: values (rows, columns) in [0, 1], any floating dtype, from white to black, each a square
/// of so many pixels a side. Values outside get the colour of the end. Throws ShapeError.
std::string png(const Tensor& values, int64_t pixels, Loc loc = Loc::current());

}  // namespace heed::train
