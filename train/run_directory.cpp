#include <heed/train/run_directory.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <list>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <heed/tensor/io/atomic_file.h>
#include <heed/train/data/text.h>
#include <heed/train/data/tokenizer/tokenizer.h>
#include <heed/train/model_config.h>

namespace heed::train {
namespace {

constexpr const char* kLockFile = "run.lock";

/// "process 1234", as the file that it holds says.
std::string holder_in(int descriptor) {
  std::array<char, 24> number;
  const ssize_t size = ::pread(descriptor, number.data(), number.size(), 0);
  return size > 0 ? "process " + std::string(number.data(), static_cast<size_t>(size)) : "another process";
}

void require(const Op& op, const std::error_code& error, const char* what, const std::filesystem::path& path) {
  if (error)
    fail<FileError>(op, "cannot {} '{}': {}; need a directory that can be written", what, path.string(),
                    error.message());
}

/// Whether the file has that text, or is not there for an empty one.
bool holds(const std::filesystem::path& file, const std::string& text) {
  std::error_code error;  // of what is no regular file
  if (text.empty()) return !is_there(file);
  if (std::filesystem::file_size(file, error) != text.size()) return false;
  std::ifstream in(file, std::ios::binary);
  return std::equal(text.begin(), text.end(), std::istreambuf_iterator<char>(in), {});
}

}  // namespace

void make_directory(const std::filesystem::path& directory, const Op& op) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  require(op, error, "make the directory", directory);
  AtomicFile probe(directory / "probe");  // leaves nothing
}

std::filesystem::path model_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> folders = {directory, directory / kBestDirectory};
  for (const auto& [step, folder] : kept_in(directory)) folders.push_back(folder);
  for (const std::filesystem::path& folder : folders)
    if (is_there(folder / kConfigFile) || is_there(folder / kWeightsFile)) return folder;
  return {};
}

std::map<int64_t, std::filesystem::path> kept_in(const std::filesystem::path& directory) {
  std::map<int64_t, std::filesystem::path> kept;
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(directory / kStepsDirectory, absent)) {
    const std::string name = entry.path().filename().string();
    int64_t step = -1;
    std::from_chars(name.data(), name.data() + name.size(), step);
    if (name == std::to_string(step)) kept.emplace(step, entry.path());
  }
  return kept;
}

void write_model(const std::filesystem::path& directory, const NamedTensors& weights, const Metadata& about,
                 const FolderTexts& texts, const Op& op) {
  make_directory(directory, op);
  std::list<AtomicFile> files;
  AtomicFile& largest = files.emplace_back(directory / kWeightsFile);
  write_safetensors(largest, weights, about);  // first: where it finds no room, all stays as it was
  if (std::ranges::all_of(texts, [&](const auto& one) { return holds(directory / one.first, one.second); }))
    return largest.commit();
  std::vector<std::filesystem::path> gone;
  for (const auto& [name, text] : texts)
    if (text.empty()) gone.push_back(directory / name);
    else files.emplace_back(directory / name).write(text);
  if (!is_there(directory / kStateFile)) return commit_together(files, gone);
  for (AtomicFile& file : files) file.commit();  // over this run's own model, whose configuration it resumes with
  for (const std::filesystem::path& file : gone) remove_if_there(file, op);
}

void remove_if_there(const std::filesystem::path& file, const Op& op) {
  std::error_code error;
  std::filesystem::remove(file, error);
  require(op, error, "remove", file);
}

void remove_model(const std::filesystem::path& directory, const Op& op) {
  for (const char* file : {kWeightsFile, kConfigFile, kTokenizerFile, kGenerationFile, kTokenNamesFile, kTemplateFile})
    remove_if_there(directory / file, op);
  ::rmdir(directory.c_str());  // not if there is more in it
}

void remove_kept(const std::filesystem::path& directory, const Op& op) {
  for (const auto& [step, folder] : kept_in(directory)) remove_model(folder, op);
  ::rmdir((directory / kStepsDirectory).c_str());
}

RunDirectory::RunDirectory(std::filesystem::path path, Loc loc) : path_(std::move(path)) {
  const Op op{Op::called("train"), loc};
  make_directory(path_, op);
  const std::filesystem::path file = path_ / kLockFile;
  for (int error = ENOENT; error == ENOENT;) {  // the holder left meanwhile
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0)
      fail<FileError>(op, "cannot open '{}': {}", file.string(), std::generic_category().message(errno));
    error = hold_file(descriptor_);
    if (error == 0) break;
    const std::string holder = holder_in(descriptor_);
    ::close(descriptor_);
    if (error == EWOULDBLOCK)
      fail<FileError>(op, "{} trains into '{}'; need another directory, or that process ended", holder, path_.string());
    if (error != ENOENT)
      fail<FileError>(op, "cannot lock '{}': {}", file.string(), std::generic_category().message(error));
  }
  const std::string number = std::to_string(::getpid());
  if (::ftruncate(descriptor_, 0) != 0 || ::write(descriptor_, number.data(), number.size()) < 0) {
  }  // others are told less
  for (const std::filesystem::path& folder : {path_, path_ / kBestDirectory}) remove_abandoned(folder);
  for (const auto& [step, folder] : kept_in(path_)) remove_abandoned(folder);
}

RunDirectory::~RunDirectory() {
  std::error_code ignored;  // a file without a lock holds nobody up
  if (const auto here = place(); !here.empty()) std::filesystem::remove(here / kLockFile, ignored);
  ::close(descriptor_);
}

std::filesystem::path RunDirectory::place() const {
  struct stat held {
  }, found{};
  if (::fstat(descriptor_, &held) != 0 || held.st_nlink == 0) return {};
  if (::stat((path_ / kLockFile).c_str(), &found) == 0 && found.st_dev == held.st_dev && found.st_ino == held.st_ino)
    return path_;
  std::error_code unknown;
  return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor_), unknown).parent_path();
}

void RunDirectory::check(const Op& op) const {
  const std::filesystem::path here = place();
  if (here != path_)
    fail<FileError>(op, "'{}' was {} while this run wrote into it; need a directory that stays", path_.string(),
                    here.empty() ? "taken away" : fmt::format("moved to '{}'", here.string()));
}

}  // namespace heed::train
