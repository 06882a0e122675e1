#include <heed/nn/parameters_file.h>

#include <algorithm>
#include <span>

namespace heed::nn {
namespace {

constexpr size_t kShown = 4;  // of each kind of problem

/// "'a', 'b' and 3 more"
std::string listed(const std::vector<std::string>& items) {
  const size_t shown = std::min(items.size(), kShown);
  std::string text = join(std::span(items).first(shown), ", ");
  if (items.size() > shown) text += fmt::format(" and {} more", items.size() - shown);
  return text;
}

bool fills(DType from, DType to, bool rounded) {
  return from == to || (from == f32 && to == f64) || (rounded && from == f64 && to == f32);
}

/// Slots, each with its tensor of the files, and what is wrong with the rest.
class Fit {
 public:
  Fit(const std::vector<Slot>& slots, const StoredTensors& stored) {
    auto rest = stored.places;
    std::vector<const Slot*> missing;
    for (const Slot& slot : slots) {
      auto found = rest.extract(slot.name);
      for (const std::string& also : slot.also) {
        auto second = rest.extract(also);
        if (second && found && !equal_bytes(found.mapped(), second.mapped()))
          different_.push_back(fmt::format("'{}', which is tied to '{}' but has other values", also, slot.name));
        if (!found) found = std::move(second);
      }
      if (found) match(slot, found.mapped(), stored.rounded);
      else missing.push_back(&slot);
    }
    for (const auto& [name, place] : rest) unexpected_.push_back(fmt::format("'{}' {}", name, place.entry->shape));
    for (const Slot* slot : missing) {
      missing_.push_back(fmt::format("'{}' {}", slot->name, slot->into.shape()));
      if (missing_.size() <= kShown) missing_.back() += nearest(slot->name, rest);
    }
  }

  void require(const Op& op, const std::filesystem::path& file) const {
    std::vector<std::string> problems;
    if (!missing_.empty()) problems.push_back("missing " + listed(missing_));
    if (!unexpected_.empty()) problems.push_back("unexpected " + listed(unexpected_));
    if (!different_.empty()) problems.push_back("different " + listed(different_));
    if (!problems.empty())
      fail<FileError>(op, "'{}' does not fit the model: {}; need every parameter once, in its shape", file.string(),
                      join(problems, "; "));
  }

  void copy(Loc loc) const {
    for (const auto& [slot, place] : pairs_) {
      if (slot->zeros) continue;
      if (slot->reorder) slot->into.assign(slot->reorder(place.file->read(*place.entry, loc)).to(slot->into.dtype()));
      else place.file->copy(*place.entry, slot->into, loc);
    }
  }

 private:
  using Place = StoredTensors::Place;

  static bool equal_bytes(const Place& a, const Place& b) {
    return a.entry->shape == b.entry->shape && a.entry->type.name == b.entry->type.name &&
           std::ranges::equal(a.file->bytes(*a.entry), b.file->bytes(*b.entry));
  }
  void match(const Slot& slot, const Place& place, bool rounded) {
    const StoredTensor& x = *place.entry;
    if (x.shape != slot.into.shape())
      different_.push_back(fmt::format("'{}' {}, not {}", x.name, x.shape, slot.into.shape()));
    else if (!fills(x.type.dtype, slot.into.dtype(), rounded))
      different_.push_back(fmt::format("'{}' {}, not {}", x.name, name_of(x.type.dtype), name_of(slot.into.dtype())));
    else if (slot.zeros &&
             std::ranges::any_of(place.file->read(x).to_vector<double>(), [](double v) { return v != 0; }))
      different_.push_back(fmt::format("'{}', which must be 0, as the model has none", x.name));
    else pairs_.emplace_back(&slot, place);
  }
  /// What the file may call it.
  static std::string nearest(const std::string& name, const std::map<std::string, Place>& rest) {
    constexpr size_t kCompared = 1000, kLongest = 200;  // anybody may have written the names
    std::string_view best;
    size_t least = name.size() / 2, compared = 0;
    for (auto other = rest.begin(); other != rest.end() && compared < kCompared; ++other, ++compared)
      if (other->first.size() < kLongest)
        if (const size_t distance = edit_distance(name, other->first); distance < least)
          least = distance, best = other->first;
    return best.empty() ? "" : fmt::format(" (is '{}' meant?)", best);
  }

  std::vector<std::pair<const Slot*, Place>> pairs_;
  std::vector<std::string> missing_, unexpected_, different_;
};

}  // namespace

void StoredTensors::add(const std::shared_ptr<const SafetensorsFile>& file, Loc loc) {
  for (const StoredTensor& entry : file->tensors())
    if (!places.try_emplace(entry.name, Place{file, &entry}).second)
      fail<FileError>({Op::called("load"), loc},
                      "'{}' has tensor '{}', which another file has too; need every name once", file->name(),
                      entry.name);
}

std::vector<Slot> slots_of(const Parameters& params) {
  std::vector<Slot> slots;
  for (const auto& [name, parameter] : params) slots.push_back({name, parameter.detach()});
  for (const auto& [alias, name] : params.aliases()) std::ranges::find(slots, name, &Slot::name)->also.push_back(alias);
  return slots;
}

void check_parameters(const std::vector<Slot>& slots, const StoredTensors& stored, Loc loc) {
  Fit(slots, stored).require({Op::called("load"), loc}, stored.from);
}

void load_parameters(const std::vector<Slot>& slots, const StoredTensors& stored, Loc loc) {
  const Fit fit(slots, stored);
  fit.require({Op::called("load"), loc}, stored.from);
  fit.copy(loc);
}

std::map<std::string, std::string> weights_metadata(const std::string& license) {
  return {{"format", "pt"}, {"heed", HEED_VERSION}, {"license", license}};
}

void Parameters::save(const std::filesystem::path& path, const std::string& license, Loc loc) const {
  const Op op{"save", loc};
  save_safetensors(path, NamedTensors(begin(), end()), weights_metadata(license));
}

void Parameters::load(const std::filesystem::path& path, Loc loc) {
  const Op op{"load", loc};
  StoredTensors stored{path, {}};
  stored.add(std::make_shared<const SafetensorsFile>(path));
  load_parameters(slots_of(*this), stored);
}

}  // namespace heed::nn
