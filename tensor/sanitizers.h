// Which sanitizers this is compiled for: g++ says so by macros, clang by features.
#pragma once

namespace heed {

#ifndef __has_feature
#define __has_feature(x) 0
#define HEED_NO_FEATURES
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

#ifdef HEED_NO_FEATURES
#undef HEED_NO_FEATURES
#undef __has_feature
#endif

}  // namespace heed
