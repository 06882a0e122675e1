#include <heed/autograd/check/graph.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include <heed/autograd/node.h>
#include <heed/tensor/format.h>

namespace heed::graph {
namespace {

using autograd::Node;

/// Every node that `node` depends on, and itself, in the order of recording.
std::vector<const Node*> nodes_behind(const Node* node) {
  std::unordered_map<const Node*, bool> met{{node, true}};
  std::vector<const Node*> open{node}, all;
  while (!open.empty()) {
    const Node* next = open.back();
    open.pop_back();
    all.push_back(next);
    for (const auto& input : next->inputs)
      if (input && met.emplace(input.get(), true).second) open.push_back(input.get());
  }
  std::sort(all.begin(), all.end(), [](const Node* a, const Node* b) { return a->id < b->id; });
  return all;
}

int64_t bytes_of(const Node& node) { return node.shape.numel() * static_cast<int64_t>(size_of(node.dtype)); }

/// "1.5 KiB"
std::string readable(int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / 1024;
  const char* units = "KMGT";
  for (; size >= 1024 && units[1]; ++units) size /= 1024;
  return fmt::format("{:.1f} {}iB", size, *units);
}

/// A string of Graphviz's. A backslash would begin an escape. (`quoted` would find std::quoted for a std::string.)
std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') result += "\\n";
    else result += c;
  }
  return result + '"';
}

/// A module's nodes, and the modules within it.
struct Frame {
  std::vector<size_t> nodes;
  std::map<std::string, Frame, std::less<>> inner;
};

class Drawing {
 public:
  Drawing(const Tensor& output, const DotOptions& options) : nodes_(nodes_behind(output.node().get())) {
    for (const auto& [name, tensor] : options.names)
      if (tensor.node()) names_[tensor.node().get()] = name;
    hidden_ = nodes_.size() - std::min(nodes_.size(), std::max<size_t>(options.max_nodes, 1));
    for (size_t i = hidden_; i < nodes_.size(); ++i) {
      numbers_[nodes_[i]] = i;
      frame_of(nodes_[i]->module ? *nodes_[i]->module : "").nodes.push_back(i);
    }
  }

  std::string text() {
    write("digraph heed {{\n");
    write("  graph [fontname=\"Helvetica\", fontsize=11, ranksep=0.3, nodesep=0.2, labelloc=b, label={}];\n",
          in_quotes(summary()));
    write(
        "  node [fontname=\"Helvetica\", fontsize=10, height=0.3, shape=box, style=\"rounded,filled\", "
        "fillcolor=white];\n");
    write("  edge [color=\"#666666\", arrowsize=0.6];\n");
    draw(outside_, "", 1);
    draw_edges();
    write("}}\n");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void write(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
  }

  Frame& frame_of(std::string_view path) {
    Frame* frame = &outside_;
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      frame = &frame->inner[std::string(path.substr(begin, end - begin))];
      begin = end + 1;
    }
    return *frame;
  }

  std::string summary() const {
    int64_t ops = 0, held = 0, numbers = 0;
    for (const Node* node : nodes_) {
      if (node->leaf) numbers += node->shape.numel();
      else ++ops, held += bytes_of(*node);
    }
    return fmt::format("{} ops with results of {}, {} leaves with {} numbers", ops, readable(held),
                       nodes_.size() - static_cast<size_t>(ops), numbers);
  }

  std::string label(const Node& node) const {
    std::string title = node.op;
    if (node.leaf && !node.leaf->name.empty())
      title = node.leaf->name.substr(!node.module || node.module->empty() ? 0 : node.module->size() + 1);
    if (const auto it = names_.find(&node); it != names_.end())
      title = node.leaf ? it->second : title + " -> " + it->second;
    return fmt::format("{}\n{} {}, {}{}", title, name_of(node.dtype), node.shape, readable(bytes_of(node)),
                       node.freed ? "\nfreed by backward" : "");
  }

  /// A frame with nothing of its own and one frame within, like the list that blocks are in, is not drawn.
  void draw(const Frame& frame, const std::string& path, int depth) {
    const std::string indent(static_cast<size_t>(depth) * 2, ' ');
    const bool framed = !path.empty() && !(frame.nodes.empty() && frame.inner.size() == 1);
    if (framed) {
      write("{}subgraph {} {{\n", indent, in_quotes("cluster " + path));
      write("{}  label={}; labelloc=t; labeljust=l; style=\"rounded,filled\"; color=\"#aaaaaa\"; fillcolor=\"{}\";\n",
            indent, in_quotes(path), depth % 2 ? "#f3f6fb" : "#e3eaf6");
    }
    const int inside = depth + framed;
    for (const size_t i : frame.nodes) draw_node(i, std::string(static_cast<size_t>(inside) * 2, ' '));
    for (const auto& [name, inner] : frame.inner) draw(inner, path.empty() ? name : path + '.' + name, inside);
    if (framed) write("{}}}\n", indent);
  }

  void draw_node(size_t i, const std::string& indent) {
    const Node& node = *nodes_[i];
    const char* look = node.leaf                ? ", style=filled, fillcolor=\"#fff3cf\""
                       : i + 1 == nodes_.size() ? ", penwidth=2"
                                                : "";
    write("{}n{} [label={}{}];\n", indent, i, in_quotes(label(node)), look);
  }

  void draw_edges() {
    if (hidden_ > 0)
      write("  earlier [label={}, shape=note, style=dashed];\n",
            in_quotes(fmt::format("{} earlier nodes\nare not drawn (max_nodes)", hidden_)));
    for (size_t i = hidden_; i < nodes_.size(); ++i) {
      bool from_earlier = false;
      for (const auto& input : nodes_[i]->inputs) {
        if (!input) continue;
        if (const auto it = numbers_.find(input.get()); it != numbers_.end()) write("  n{} -> n{};\n", it->second, i);
        else if (!std::exchange(from_earlier, true)) write("  earlier -> n{} [style=dashed];\n", i);
      }
    }
  }

  std::vector<const Node*> nodes_;
  size_t hidden_ = 0;  // so many of them, the first, are not drawn
  std::unordered_map<const Node*, size_t> numbers_;
  std::unordered_map<const Node*, std::string> names_;
  Frame outside_;
  std::string text_;
};

}  // namespace

std::string dot(const Tensor& output, const DotOptions& options, Loc loc) {
  if (!output.node())
    fail<GradError>({"dot", loc},
                    "the output is a constant: nothing was recorded; need a result computed from a tensor "
                    "with set_requires_grad()");
  return Drawing(output, options).text();
}

}  // namespace heed::graph
