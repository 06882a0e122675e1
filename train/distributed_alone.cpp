// Distributed in a build without MPI: a world of one.
#include <cstdlib>

#include <heed/train/clip.h>
#include <heed/train/distributed.h>

namespace heed::train {

struct Distributed::Exchange {};

Distributed::Distributed(Loc loc) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})  // Open MPI's; MPICH's and Intel's
    if (const char* size = std::getenv(name); size && std::atoi(size) > 1)
      fail<Error>({"Distributed", loc},
                  "mpirun started {} processes, and this build is without MPI, so that each would train alone; need a "
                  "build with -DHEED_MPI=ON, or no mpirun",
                  size);
}
Distributed::~Distributed() = default;

int Distributed::rank() const { return 0; }
int Distributed::size() const { return 1; }
Tensor Distributed::part(const Tensor& batch, Loc) const { return batch; }
void Distributed::share(const nn::Parameters& params, Optimizer*) { params_ = &params; }
double Distributed::wait(double loss, Loc) { return loss; }
double Distributed::grad_norm() const { return train::grad_norm(*params_); }
void Distributed::step(Optimizer& optimizer, double grad_scale, Loc loc) { optimizer.step(grad_scale, loc); }
bool Distributed::any(bool mine) const { return mine; }
bool Distributed::agree(const nn::Parameters&) const { return true; }
void Distributed::save(const std::function<void()>& save) { save(); }

}  // namespace heed::train
