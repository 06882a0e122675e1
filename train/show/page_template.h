// The page without its data: made from the files in train/page/ when heed is built.
#pragma once

#include <string_view>

namespace heed::train {

/// HTML with style and script in it, and the marks {{title}} and {{data}}.
extern const std::string_view kPageTemplate;

}  // namespace heed::train
