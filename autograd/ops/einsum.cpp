// Einstein's summation, out of recorded permutations, products and sums.
#include <algorithm>
#include <cctype>
#include <map>

#include <heed/autograd/ops.h>
#include <heed/autograd/ops/arguments.h>

namespace heed {

using namespace autograd;

namespace {

/// One label an axis: a letter, or '0', '1', ... for the axes of "...", counted from the right.
using Labels = std::string;

bool has(const Labels& labels, char l) { return labels.find(l) != Labels::npos; }

/// A tensor whose axes have distinct labels.
struct Labelled {
  Tensor x;
  Labels labels;
};

/// The labels of one term, with the axes of its "..." filled in.
Labels parse(const Op& op, const std::string& equation, const std::string& term, int ellipsis_axes) {
  Labels labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(term[i]))) {
      labels += term[i];
      continue;
    }
    if (term.compare(i, 3, "...") != 0 || term.find("...", i + 3) != term.npos)
      fail<ValueError>(op, "'{}' in \"{}\"; need letters and at most one \"...\"", term, equation);
    for (int axis = ellipsis_axes - 1; axis >= 0; --axis) labels += static_cast<char>('0' + axis);
    i += 2;
  }
  return labels;
}

/// A letter twice in one operand becomes its diagonal.
Labelled without_repeats(Labelled a) {
  for (size_t i = 0; i < a.labels.size(); ++i)
    if (const size_t again = a.labels.find(a.labels[i], i + 1); again != Labels::npos) {
      a.x = diagonal(a.x, 0, static_cast<int64_t>(i), static_cast<int64_t>(again));
      a.labels += a.labels[i];
      a.labels.erase(again, 1).erase(i, 1);
      i = size_t(-1);
    }
  return a;
}

/// Summed over the labels that nothing else needs.
Labelled sum_out(const Labelled& a, const Labels& needed) {
  std::vector<int64_t> axes;
  Labelled y{a.x, ""};
  for (size_t i = 0; i < a.labels.size(); ++i)
    if (has(needed, a.labels[i])) y.labels += a.labels[i];
    else axes.push_back(static_cast<int64_t>(i));
  if (!axes.empty()) y.x = a.x.sum(axes);
  return y;
}

/// The axes of `a` in the order of `labels`; those that it lacks have size 1.
Tensor arranged(const Labelled& a, const Labels& labels) {
  Shape order;
  for (const char l : labels)
    if (has(a.labels, l)) order.push_back(static_cast<int64_t>(a.labels.find(l)));
  Tensor y = a.x.permute(order);
  for (size_t i = 0; i < labels.size(); ++i)
    if (!has(a.labels, labels[i])) y = y.unsqueeze(static_cast<int64_t>(i));
  return y;
}

/// Two operands into one that has the labels `needed`: a product of matrices (batch, rows, inner) x (batch, inner,
/// columns).
Labelled contract(const Labelled& a0, const Labelled& b0, const Labels& needed, const std::map<char, int64_t>& sizes) {
  const Labelled a = sum_out(a0, needed + b0.labels), b = sum_out(b0, needed + a0.labels);
  Labels batch, rows, inner, columns;
  for (const char l : a.labels) (!has(b.labels, l) ? rows : has(needed, l) ? batch : inner) += l;
  for (const char l : b.labels)
    if (!has(a.labels, l)) columns += l;
  const auto extent = [&](const Labels& labels) {
    Shape shape;
    for (const char l : labels) shape.push_back(sizes.at(l));
    return shape;
  };
  const Tensor left = arranged(a, batch + rows + inner).expand(extent(batch + rows + inner));
  const Tensor right = arranged(b, batch + inner + columns).expand(extent(batch + inner + columns));
  const int64_t B = extent(batch).numel(), M = extent(rows).numel(), K = extent(inner).numel(),
                N = extent(columns).numel();
  const Labels labels = batch + rows + columns;
  return {matmul(left.reshape({B, M, K}), right.reshape({B, K, N})).reshape(extent(labels)), labels};
}

}  // namespace

Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands, Loc loc) {
  const Op op{"einsum", loc};
  std::string text = equation;
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (const char c : left)
    if (c == ',') terms.emplace_back();
    else terms.back() += c;
  if (operands.empty() || terms.size() != operands.size())
    fail<ValueError>(op, "\"{}\" has {} terms for {} operands; need one each", equation, terms.size(), operands.size());

  std::vector<Labelled> open;
  std::map<char, int64_t> sizes;
  int ellipsis_axes = 0;
  for (size_t k = 0; k < operands.size(); ++k) {
    const Tensor& x = operands[k];
    check_same_dtype(op, operands[0], x);
    check_floating(op, x);
    const int letters = static_cast<int>(parse(op, equation, terms[k], 0).size());
    const bool ellipsis = terms[k].find('.') != std::string::npos;
    if (letters > x.rank() || (!ellipsis && letters != x.rank()))
      fail<ShapeError>(op, "operand {} has shape {} for '{}'; need {} {}axes", k, x.shape(), terms[k], letters,
                       ellipsis ? "or more " : "");
    if (ellipsis) ellipsis_axes = std::max(ellipsis_axes, x.rank() - letters);
    const Labels labels = parse(op, equation, terms[k], x.rank() - letters);
    for (size_t i = 0; i < labels.size(); ++i) {
      const int64_t n = x.shape()[static_cast<int>(i)];
      int64_t& size = sizes.emplace(labels[i], n).first->second;
      const int64_t own = x.shape()[static_cast<int>(labels.find(labels[i]))];
      if (n != own || (n != size && n != 1 && size != 1))
        fail<ShapeError>(op, "'{}' of \"{}\" has sizes {} and {}; need equal sizes", labels[i], equation,
                         n != own ? own : size, n);
      if (size == 1) size = n;
    }
    open.push_back(without_repeats({x, labels}));
  }

  Labels output;
  if (arrow != text.npos) {
    output = parse(op, equation, text.substr(arrow + 2), ellipsis_axes);
    for (size_t i = 0; i < output.size(); ++i)
      if (!sizes.contains(output[i]) || output.find(output[i]) != i)
        fail<ValueError>(op, "'{}' in the output of \"{}\"; need each letter once, and from an operand", output[i],
                         equation);
  } else {
    for (int axis = ellipsis_axes - 1; axis >= 0; --axis) output += static_cast<char>('0' + axis);
    for (const auto& [label, size] : sizes)
      if (std::isalpha(static_cast<unsigned char>(label)) && std::count(left.begin(), left.end(), label) == 1)
        output += label;
  }

  Labelled y = open[0];
  for (size_t k = 1; k < open.size(); ++k) {
    Labels needed = output;
    for (size_t later = k + 1; later < open.size(); ++later) needed += open[later].labels;
    y = contract(y, open[k], needed, sizes);
  }
  return arranged(sum_out(y, output), output);
}

}  // namespace heed
