// Links heed::nn and nothing above it: parameters are written and read where they are declared.
#include <heed/nn/linear.h>
#include <heed/tensor/random.h>

int main(int, char** arguments) {
  heed::Rng rng(1);
  heed::nn::Parameters a(rng), b(rng);
  const heed::nn::Linear one(a, 3, 2), other(b, 3, 2);
  a.save(arguments[1]);
  b.load(arguments[1]);
  return one.weight.to_vector<float>() == other.weight.to_vector<float>() ? 0 : 1;
}
