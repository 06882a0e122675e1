// Catch2, version 2 or 3, under one include.
#pragma once

#ifdef HEED_CATCH2_V2
#include <catch2/catch.hpp>
using Catch::Matchers::Contains;
#else
#include <catch2/catch_all.hpp>
inline auto Contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
using Catch::Approx;
#endif
