// What is refused says so: the op, what is wrong, both values, what would be right, and the caller's line; and it costs
// nothing but the call.
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <sstream>

#include <heed/autograd/check/anomaly.h>
#include <heed/autograd/engine.h>
#include <heed/autograd/node.h>
#include <heed/models/gpt.h>
#include <heed/models/seq2seq.h>
#include <heed/models/transformer.h>
#include <heed/nn/attention.h>
#include <heed/nn/linear.h>
#include <heed/nn/rnn.h>
#include <heed/tensor/random.h>
#include <heed/train/optimizer.h>
#include "difference.h"
#include "error_cases.h"
#include "op_run.h"

using namespace heed;
using namespace heed::tests;

namespace {

namespace fs = std::filesystem;

std::vector<ErrorCase> all_errors() {
  std::vector<ErrorCase> all;
  for (auto part : {op_errors, layer_errors, tensor_errors, engine_errors, nn_errors, model_errors})
    for (ErrorCase& one : part()) all.push_back(std::move(one));
  return all;
}

/// What a case throws, or nothing.
template <class F>
bool caught(const ErrorCase& one, F f) {
  try {
    one.call();
  } catch (const Error& e) {
    f(e);
    return true;
  }
  return false;
}

/// Whether text is `pattern`, in which * stands for anything.
bool fits(const std::string& text, const std::string& pattern) {
  size_t at = 0;
  std::stringstream parts(pattern);
  bool first = true;
  for (std::string part; std::getline(parts, part, '*'); first = false) {
    const size_t found = text.find(part, at);
    if (found == text.npos || (first && found != 0)) return false;
    at = found + part.size();
  }
  return at == text.size() || pattern.back() == '*';
}

// --- the throw sites of the sources ----------------------------------------------------------------------------------

/// A statement that throws: the lines from "fail<" to the beginning of its message.
struct Site {
  std::string file;
  unsigned first, last;
  std::string message;  ///< as in the source; empty for a throw of another kind
};

/// Source text whose comments are blank.
std::string without_comments(std::string text) {
  const std::regex part(R"re("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'|//[^\n]*)re");
  std::string result;
  size_t at = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), part), end; it != end; ++it) {
    result += text.substr(at, size_t(it->position()) - at);
    result += it->str().starts_with("//") ? std::string(size_t(it->length()), ' ') : it->str();
    at = size_t(it->position() + it->length());
  }
  return result + text.substr(at);
}

std::vector<Site> sites_of(const std::string& file, const std::string& source) {
  const std::string text = without_comments(source);
  const auto line_of = [&](size_t at) {
    return 1 + unsigned(std::count(text.begin(), text.begin() + std::ptrdiff_t(at), '\n'));
  };
  std::vector<Site> sites;
  const std::regex begin(R"(\bfail<|\bthrow\b)");
  // After the op, which may be Op{"name", where}, a variable or a call: the message.
  const std::regex rest(R"re(^fail<\w+>\(\s*(?:(?:Op)?\{[^}]*\}|\*?[\w.:()>-]+)\s*,\s*"((?:[^"\\]|\\.)*)")re");
  for (std::sregex_iterator it(text.begin(), text.end(), begin), end; it != end; ++it) {
    const size_t at = size_t(it->position());
    std::smatch match;
    const std::string statement = text.substr(at, 400);
    Site site{file, line_of(at), line_of(at), ""};
    if (std::regex_search(statement, match, rest)) {
      site.message = match[1];
      site.last = line_of(at + size_t(match.position(1)));
    }
    sites.push_back(site);
  }
  return sites;
}

std::vector<Site> all_sites() {
  std::vector<Site> sites;
  const fs::path root = HEED_SOURCE_DIR;
  for (const char* folder : {"tensor", "autograd", "nn", "models"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
      std::ifstream file(entry.path());
      std::stringstream text;
      text << file.rdbuf();
      const std::string name = fs::relative(entry.path(), root).string();
      for (Site& site : sites_of(name, text.str()))
        if (name != "tensor/error.h" && !name.starts_with("tensor/io/"))
          sites.push_back(std::move(site));  // fail itself; files have tests of their own
    }
  return sites;
}

bool is_at(const Site& site, const Loc& check) {
  return std::string_view(check.file_name()).ends_with(site.file) && check.line() >= site.first &&
         check.line() <= site.last;
}

}  // namespace

TEST_CASE("errors: every case throws its type and message, and names the caller's file and line", "[errors]") {
  const int64_t before = autograd::Node::live();
  const std::vector<ErrorCase> cases = all_errors();
  std::map<std::string, std::vector<unsigned>> lines;  // of the cases, by file
  for (const ErrorCase& one : cases) lines[one.where.file_name()].push_back(one.where.line());
  for (auto& [file, all] : lines) std::sort(all.begin(), all.end());
  for (const ErrorCase& one : cases) {
    INFO("case \"" << one.message << "\"  " << to_string(one.where));
    const bool threw = caught(one, [&](const Error& e) {
      const std::string what = e.what();
      INFO("threw \"" << what << "\" from " << e.check().file_name() << ":" << e.check().line());
      CHECK(one.is_type(e));
      const size_t place = what.rfind("  [");
      CHECK(fits(what.substr(0, place), one.message));
      CHECK((one.message.find("need ") != std::string::npos || dynamic_cast<const AnomalyError*>(&e)));
      const std::string own = to_string(one.where), file = own.substr(0, own.find(':') + 1);
      const bool names_file = place != what.npos && what.substr(place + 2).starts_with(file);
      CHECK(names_file);
      if (!names_file) return;
      const unsigned line = unsigned(std::stoul(what.substr(place + 2 + file.size())));
      const std::vector<unsigned>& all = lines[one.where.file_name()];
      const auto next = std::upper_bound(all.begin(), all.end(), one.where.line());
      CHECK(line >= one.where.line());
      CHECK(line < (next == all.end() ? one.where.line() + 12 : *next));
    });
    CHECK(threw);
  }
  CHECK(autograd::Node::live() == before);
}

TEST_CASE("errors: every throw site of tensor/, autograd/, nn/ and models/ has a case", "[errors]") {
  const std::vector<Site> sites = all_sites();
  std::vector<bool> met(sites.size());
  size_t count = 0;
  for (const ErrorCase& one : all_errors())
    caught(one, [&](const Error& e) {
      ++count;
      const auto at =
          std::find_if(sites.begin(), sites.end(), [&](const Site& site) { return is_at(site, e.check()); });
      INFO(e.check().file_name() << ":" << e.check().line() << " throws, and the search for throw sites missed it");
      CHECK(at != sites.end());
      if (at != sites.end()) met[size_t(at - sites.begin())] = true;
    });
  for (size_t i = 0; i < sites.size(); ++i) {
    INFO(sites[i].file << ":" << sites[i].first << ": \"" << sites[i].message
                       << "\" is thrown by no case of tests/error_cases_*.cpp");
    CHECK(met[i]);
    CHECK_FALSE(sites[i].message.empty());
  }
  CHECK(sites.size() > 180);
  fmt::print(stderr, "errors: {} throw sites, {} met by {} cases\n", sites.size(),
             std::count(met.begin(), met.end(), true), count);
}

TEST_CASE("errors: the search for throw sites finds each form, and none in a comment", "[errors]") {
  const std::vector<Site> sites = sites_of("a.cpp", R"(if (x) fail<E>(op, "one {}; need {}", 1);
// fail<E>(op, "none");
  fail<E>({"name", loc},
          "two \"{}\" // no comment"
          " and on", y);  // throw nothing
  fail<E>(Op{"name"}, "three"); throw std::runtime_error("four");
  fail<E>(problem_.check, "five");)");
  REQUIRE(sites.size() == 5);
  CHECK(sites[0].message == "one {}; need {}");
  CHECK(sites[0].last == 1);
  CHECK(sites[1].message == "two \\\"{}\\\" // no comment");
  CHECK(sites[1].first == 3);
  CHECK(sites[1].last == 4);
  CHECK(sites[2].message == "three");
  CHECK(sites[3].message.empty());
  CHECK(sites[4].message == "five");
}

TEST_CASE("errors: every op refuses an undefined input by its own name and the caller's line", "[errors][ops]") {
  for (const OpRecord& record : op_table()) {
    const Sample& sample = record.samples.front();
    Draw draw(1);
    const List x = sample.inputs(draw);
    for (size_t i = 0; i < x.size(); ++i) {
      INFO(fmt::format("op {}, input {}", record.declares, i));
      List broken = x;
      broken[i] = Tensor();
      try {
        sample.fn(broken);
        CHECK_THAT(record.declares,
                   Contains("bias") || Contains("h0") || Contains("weight, eps") || Contains("mask"));  // may be absent
      } catch (const Error& e) {
        CHECK_THAT(e.what(), Contains("undefined") && Contains("[op_table_"));
      }
    }
  }
}

TEST_CASE("errors: whatever is wrong with an op's input, what it throws names the caller's line", "[errors][ops]") {
  const auto wider = [](const Tensor& x) {
    Shape shape = x.shape();
    if (shape.rank() > 0) shape[shape.rank() - 1] += 2;
    return zeros(shape, x.dtype());
  };
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> faults{
      {"f32", [](const Tensor& x) { return x.to(f32); }},
      {"i64", [](const Tensor& x) { return x.to(i64); }},
      {"boolean", [](const Tensor& x) { return x.to(boolean); }},
      {"rank 0", [](const Tensor& x) { return zeros({}, x.dtype()); }},
      {"no elements", [](const Tensor& x) { return zeros({0}, x.dtype()); }},
      {"two more in the last axis", wider},
      {"one axis more", [](const Tensor& x) { return x.unsqueeze(0); }},
      {"rank 8",
       [](const Tensor& x) {
         return zeros({1, 1, 1, 1, 1, 1, 1, 1}, x.dtype());
       }},
      {"-9 everywhere", [](const Tensor& x) { return full(x.shape(), -9, x.dtype()); }},
  };
  int64_t thrown = 0;
  for_each_sample([&](const OpRecord&, const Sample& sample, const List& x) {
    for (size_t i = 0; i < x.size(); ++i)
      for (const auto& [fault, spoil] : faults) {
        INFO(fmt::format("input {}: {}", i, fault));
        List spoilt = x;
        spoilt[i] = spoil(x[i]);
        try {
          sample.fn(spoilt);
        } catch (const Error& e) {
          ++thrown;
          CHECK_THAT(e.what(), Contains("[op_table_") && Contains("need "));
        }
      }
  });
  CHECK(thrown > 3000);
  fmt::print(stderr, "errors: {} spoilt inputs refused\n", thrown);
}

TEST_CASE("errors: every module and model names the caller's line, whatever is wrong with its input",
          "[errors][nn][models]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Scope s = params;
  const nn::Linear linear(s / "linear", 4, 4);
  const nn::Embedding embedding(s / "embedding", 4, 4, 0);
  const nn::LayerNorm layer_norm(s / "layer_norm", 4);
  const nn::RMSNorm rms_norm(s / "rms_norm", 4);
  const nn::LearnedPosition learned(s / "learned", 5, 4);
  const nn::SelfAttention self(s / "self", 4, 4);
  const nn::CausalAttention causal(s / "causal", 4, 4, 0.1);
  const nn::MultiHeadAttention heads(s / "heads", 4, 4, 2);
  const nn::CausalSelfAttention packed(s / "packed", 4, 2);
  const nn::AdditiveAttention additive(s / "additive", 4, 4, 4);
  const nn::GRU gru(s / "gru", 4, 4);
  const nn::LSTMCell cell(s / "cell", 4, 4);
  const models::Gpt gpt(s / "gpt", {.vocabulary = 5, .context = 4, .layers = 1, .heads = 2, .channels = 4});
  const models::Seq2Seq seq2seq(s / "seq2seq",
                                {.source_vocabulary = 5, .target_vocabulary = 5, .embedding = 4, .hidden = 4});
  models::TransformerConfig config{.source_vocabulary = 5,
                                   .target_vocabulary = 5,
                                   .context = 4,
                                   .layers = 1,
                                   .heads = 2,
                                   .channels = 4,
                                   .feedforward = 4};
  const models::Transformer transformer(s / "transformer", config);
  config.pre_norm = true;
  const models::Transformer norms_first(s / "norms_first", config);
  const Tensor tokens = tensor({{1, 2}}), x = ones({2, 3, 4});
  const std::vector<std::pair<const char*, std::function<void(const Tensor&)>>> calls{
      {"Linear", [&](const Tensor& bad) { linear(bad); }},
      {"Embedding", [&](const Tensor& bad) { embedding(bad); }},
      {"LayerNorm", [&](const Tensor& bad) { layer_norm(bad); }},
      {"RMSNorm", [&](const Tensor& bad) { rms_norm(bad); }},
      {"LearnedPosition", [&](const Tensor& bad) { learned(bad); }},
      {"SelfAttention", [&](const Tensor& bad) { self(bad); }},
      {"CausalAttention", [&](const Tensor& bad) { causal(bad); }},
      {"MultiHeadAttention", [&](const Tensor& bad) { heads(bad); }},
      {"MultiHeadAttention, x of a context", [&](const Tensor& bad) { heads(bad, {.context = x}); }},
      {"MultiHeadAttention, context", [&](const Tensor& bad) { heads(x, {.context = bad}); }},
      {"CausalSelfAttention", [&](const Tensor& bad) { packed(bad); }},
      {"AdditiveAttention, query", [&](const Tensor& bad) { additive(bad, x); }},
      {"AdditiveAttention, values", [&](const Tensor& bad) { additive(x, bad); }},
      {"GRU", [&](const Tensor& bad) { gru(bad); }},
      {"LSTMCell", [&](const Tensor& bad) { cell(bad); }},
      {"GptBlock", [&](const Tensor& bad) { gpt.h[0](bad); }},
      {"GptMlp", [&](const Tensor& bad) { gpt.h[0].mlp(bad); }},
      {"EncoderLayer", [&](const Tensor& bad) { transformer.encoder_layers[0](bad, {}); }},
      {"EncoderLayer, norms first", [&](const Tensor& bad) { norms_first.encoder_layers[0](bad, {}); }},
      {"DecoderLayer", [&](const Tensor& bad) { transformer.decoder_layers[0](bad, x, {}); }},
      {"DecoderLayer, memory", [&](const Tensor& bad) { transformer.decoder_layers[0](x, bad, {}); }},
      {"FeedForward", [&](const Tensor& bad) { transformer.encoder_layers[0].feedforward(bad); }},
      {"Gpt", [&](const Tensor& bad) { gpt(bad); }},
      {"Seq2Seq, source", [&](const Tensor& bad) { seq2seq(bad, {}, tokens); }},
      {"Seq2Seq, decoder_input", [&](const Tensor& bad) { seq2seq(tokens, {}, bad); }},
      {"Seq2Seq.states", [&](const Tensor& bad) { seq2seq.states(bad, {}, tokens); }},
      {"Seq2Seq.decoder", [&](const Tensor& bad) { seq2seq.decoder(bad, {}); }},
      {"Transformer, source", [&](const Tensor& bad) { transformer(bad, {}, tokens); }},
      {"Transformer, decoder_input", [&](const Tensor& bad) { transformer(tokens, {}, bad); }},
      {"Transformer.states", [&](const Tensor& bad) { transformer.states(bad, {}, tokens); }},
      {"Transformer.decoder", [&](const Tensor& bad) { transformer.decoder(bad, {}); }},
  };
  const std::vector<std::pair<const char*, Tensor>> inputs{{"undefined", {}},
                                                           {"rank 0", ones({})},
                                                           {"another width", ones({2, 3, 5})},
                                                           {"another dtype", ones({2, 3, 4}, f64)}};
  for (const auto& [module, call] : calls)
    for (const auto& [fault, bad] : inputs) {
      INFO(module << ": " << fault);
      CHECK_THROWS_WITH(call(bad), Contains("[test_errors.cpp:"));
    }
}

// --- nothing is lost -------------------------------------------------------------------------------------------------

TEST_CASE("errors: an op that refuses leaves its inputs, their history and their gradients as they were", "[errors]") {
  const Tensor x = tensor({1., 2., 3.}, f64).set_requires_grad();
  const Tensor y = exp(x);
  CHECK_THROWS_AS(matmul(y, ones({2, 2}, f64)), ShapeError);
  CHECK_THROWS_AS(y + ones({2}, f64), ShapeError);
  CHECK_THROWS_AS(cat({y, ones({2})}, 0), DTypeError);
  CHECK_THROWS_AS(gather(y, 0, tensor({7})), IndexError);
  y.sum().backward();
  CHECK(largest_difference(x.grad(), y) == 0);
}

TEST_CASE("errors: a backward that refuses its seed leaves the graph for one that fits", "[errors]") {
  const Tensor x = tensor({1., 2.}, f64).set_requires_grad();
  const Tensor y = x * x;
  CHECK_THROWS_AS(y.backward(), GradError);
  CHECK_THROWS_AS(y.backward(ones({3}, f64)), ShapeError);
  CHECK_THROWS_AS(grad(y, tensor({1.}, f64)), GradError);
  CHECK_FALSE(x.grad().defined());
  y.backward(ones({2}, f64));
  CHECK(largest_difference(x.grad(), x * 2) == 0);
  CHECK_THROWS_AS(y.backward(ones({2}, f64)), GradError);  // freed by the first: refused, and counted once
  CHECK(largest_difference(x.grad(), x * 2) == 0);
}

TEST_CASE("errors: a backward formula that throws frees what it held, and a fresh graph works", "[errors]") {
  const int64_t before = autograd::Node::live();
  {
    const Tensor x = tensor({1., 2.}, f64).set_requires_grad();
    const Tensor bad = autograd::record({"bad"}, (x * 3).detach(), {{x, [](const Tensor&) { return ones({5}, f64); }}});
    CHECK_THROWS_WITH((bad * x).sum().backward(), Contains("bad: gradient 0 has shape (5); need (2)"));
    x.zero_grad();
    (x * 3).sum().backward();
    CHECK(largest_difference(x.grad(), full({2}, 3, f64)) == 0);
  }
  CHECK(autograd::Node::live() == before);
}

TEST_CASE("errors: a training step that refuses its batch changes no parameter, and the next step trains", "[errors]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const models::Gpt gpt(params, {.vocabulary = 5, .context = 4, .layers = 1, .heads = 2, .channels = 4});
  train::AdamW optimizer(params, {.lr = 1e-2});
  const Tensor x = tensor({{1, 2, 3}}), y = tensor({{2, 3, 4}});
  const auto step = [&](const Tensor& tokens, const Tensor& targets) {
    cross_entropy(gpt(tokens), targets).backward();
    optimizer.step();
    optimizer.zero_grad();
  };
  std::vector<Tensor> before;
  for (const auto& [name, p] : params) before.push_back(p.detach().clone());
  CHECK_THROWS_AS(step(tensor({{1, 2, 9}}), y), IndexError);        // a token out of range
  CHECK_THROWS_AS(step(tensor({{1, 2, 3, 4, 0}}), y), ShapeError);  // too long
  CHECK_THROWS_AS(step(x, tensor({{2, 3, 5}})), IndexError);        // a target out of range, behind the whole model
  size_t i = 0;
  for (const auto& [name, p] : params) CHECK(largest_difference(p, before[i++]) == 0);
  const double first = cross_entropy(gpt(x), y).item<double>();
  for (int k = 0; k < 20; ++k) step(x, y);
  CHECK(cross_entropy(gpt(x), y).item<double>() < first);
}

TEST_CASE("errors: a name that is refused leaves the store without a trace of it", "[errors][nn]") {
  Rng rng(1);
  nn::Parameters params(rng);
  const nn::Linear first(params / "a", 2, 3);
  const Tensor weight = first.weight.detach().clone();
  CHECK_THROWS_AS(nn::Linear(params / "a", 2, 3), ValueError);
  CHECK_THROWS_AS(nn::Linear(params / "b", 0, 3), ValueError);
  CHECK(params.size() == 2);
  CHECK(largest_difference(first.weight, weight) == 0);
  const nn::Linear second(params / "b", 3, 1);
  CHECK(second(first(ones({1, 2}))).shape() == Shape{1, 1});
}
