// Drawing what was recorded: the graph behind a tensor, for Graphviz.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <heed/tensor/tensor.h>

namespace heed::graph {

/// How a graph is drawn.
struct DotOptions {
  std::vector<std::pair<std::string, Tensor>> names = {};  ///< of leaves and results; parameters know their own
  size_t max_nodes = 1000;  ///< the last ones recorded are drawn, and a note counts the rest
};

/// The graph behind `output`, from the leaves down to it, in Graphviz's language: `dot -Tsvg graph.dot > graph.svg`.
/// A node shows its op, and the shape, dtype and bytes of its result; a box is a leaf, with its name; a frame is a
/// module (see Op). The same computation gives the same text. Throws GradError if `output` is a constant.
std::string dot(const Tensor& output, const DotOptions& options = {}, Loc loc = Loc::current());

}  // namespace heed::graph
