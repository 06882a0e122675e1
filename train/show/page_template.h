// Pages without their data, made from the files in train/show/page/ and train/show/live/ when heed is built; and what
// puts data into them.
#pragma once

#include <string>
#include <string_view>

#include <heed/tensor/io/json.h>
#include <heed/tensor/tensor.h>

namespace heed::train {

/// HTML with style and script in it, and the marks {{title}} and {{data}}: of what a model looked at, and of a model
/// that runs.
extern const std::string_view kPageTemplate, kLiveTemplate;

std::string filled_page(std::string_view page, const std::string& title, const Json& data);

/// {"shape": [...], "f32": base64 of the numbers, little-endian}, or of halves "f16"; null for an undefined tensor.
/// Throws DTypeError, or ValueError for what is not finite.
Json tensor_json(const Op& op, const std::string& name, const Tensor& tensor, bool halves = false);

}  // namespace heed::train
