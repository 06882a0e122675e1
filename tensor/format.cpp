#include <heed/tensor/format.h>

#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include <heed/tensor/view.h>

namespace heed {

namespace {

/// One spelling for all elements of an array: fixed or scientific, the same number of digits, right-aligned.
class Spelling {
 public:
  Spelling(const std::vector<double>& values, const FormatOptions& options) : precision_(options.precision) {
    double largest = 0, smallest = INFINITY;
    for (const double v : values)
      if (std::isfinite(v) && v != 0) {
        largest = std::max(largest, std::abs(v));
        smallest = std::min(smallest, std::abs(v));
      }
    scientific_ = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e3));  // NumPy's rule
    trim(values);
    for (const double v : values) width_ = std::max(width_, spell(v).size());
  }
  std::string operator()(double v) const { return fmt::format("{:>{}}", spell(v), width_); }

 private:
  /// Drops digits that are zero in every element, as NumPy does.
  void trim(const std::vector<double>& values) {
    size_t used = 0;
    for (const double v : values) {
      if (!std::isfinite(v)) continue;
      std::string digits = scientific_ ? fmt::format("{:.{}e}", v, precision_) : fmt::format("{:.{}f}", v, precision_);
      digits = digits.substr(digits.find('.') == std::string::npos ? digits.size() : digits.find('.') + 1);
      digits = digits.substr(0, digits.find('e'));
      while (!digits.empty() && digits.back() == '0') digits.pop_back();
      used = std::max(used, digits.size());
    }
    precision_ = static_cast<int>(used);
  }
  std::string spell(double v) const {
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
    if (scientific_) return fmt::format("{:#.{}e}", v, precision_);
    std::string text = fmt::format("{:#.{}f}", v, precision_);
    for (size_t i = text.size(); i-- > 0 && text[i] == '0';) text[i] = ' ';  // the points stay aligned
    return text;
  }

  int precision_;
  bool scientific_ = false;
  size_t width_ = 0;
};

class Printer {
 public:
  Printer(const Tensor& x, const FormatOptions& options) : options_(options), short_(x.numel() > options.threshold) {
    std::vector<double> shown;
    collect(x, shown);
    if (is_floating(x.dtype())) spelling_.emplace(shown, options);
    for (const double v : shown) width_ = std::max(width_, plain(v, x.dtype()).size());
  }

  std::string print(const Tensor& x, int indent) const {
    if (x.rank() == 0) return element(x);
    std::string out = "[";
    const std::string pad(static_cast<size_t>(indent + 1), ' ');
    const int64_t n = x.size(0);
    size_t column = pad.size();
    for (int64_t i = 0; i < n; ++i) {
      const bool skipped = short_ && n > 2 * options_.edge && i == options_.edge;
      const std::string item = skipped ? "..." : print(view::select({"print"}, x, 0, i), indent + 1);
      if (i > 0) {
        if (x.rank() == 1 && column + 1 + item.size() < static_cast<size_t>(options_.width)) {
          out += ' ';
          ++column;
        } else {
          out.erase(out.find_last_not_of(' ') + 1);
          out += std::string(static_cast<size_t>(std::max(1, x.rank() - 1)), '\n') + pad;
          column = pad.size();
        }
      }
      out += item;
      column += item.size();
      if (skipped) i = n - options_.edge - 1;
    }
    return out + "]";
  }

 private:
  void collect(const Tensor& x, std::vector<double>& out) const {
    if (x.rank() == 0) {
      out.push_back(x.item<double>());
      return;
    }
    const int64_t n = x.size(0);
    for (int64_t i = 0; i < n; ++i) {
      if (short_ && n > 2 * options_.edge && i == options_.edge) i = n - options_.edge;
      collect(view::select({"print"}, x, 0, i), out);
    }
  }
  static std::string plain(double v, DType dtype) {
    return dtype == boolean ? (v != 0 ? "True" : "False")
           : dtype == i64   ? fmt::format("{}", static_cast<int64_t>(v))
                            : "";
  }
  std::string element(const Tensor& x) const {
    if (spelling_) return (*spelling_)(x.item<double>());
    const std::string text = x.dtype() == i64 ? fmt::format("{}", x.item<int64_t>()) : plain(x.item<double>(), boolean);
    return fmt::format("{:>{}}", text, width_);
  }

  FormatOptions options_;
  bool short_;
  std::optional<Spelling> spelling_;
  size_t width_ = 0;
};

}  // namespace

std::string to_string(const Tensor& x0, const FormatOptions& options) {
  if (!x0.defined()) return "undefined";
  const Tensor x = x0.detach();
  std::string text = Printer(x, options).print(x, 0);
  if (x.numel() == 0) text += fmt::format(" shape {}", x.shape());
  if (x.dtype() == f64) text += " f64";
  return text;
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace heed

fmt::appender fmt::formatter<heed::DType>::format(heed::DType dtype, format_context& context) const {
  return formatter<std::string_view>::format(heed::name_of(dtype), context);
}

fmt::appender fmt::formatter<heed::Tensor>::format(const heed::Tensor& x, format_context& context) const {
  return formatter<std::string_view>::format(heed::to_string(x), context);
}
