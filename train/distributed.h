// Data parallel over MPI: every process computes the gradients of its part of a batch, and all train one model.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <heed/nn/scope.h>
#include <heed/train/optimizer.h>

namespace heed::train {

/// The processes that `mpirun -np N` started: a training of N of them gives the losses of one with the whole batch.
///
///   train::Distributed world;
///   world.share(params);                     // once the model is built: rank 0's weights everywhere
///   ...
///   Tensor loss = cross_entropy(gpt(world.part(x)), world.part(y));   // all draw the same batch of N parts
///   loss.backward();                         // gradients go out in buckets while this still runs
///   world.wait();                            // now they are the whole batch's
///   optimizer.step();
///
/// One process alone, or a build without -DHEED_MPI=ON, is a world of one: nothing is sent and nothing changes.
/// See train/distributed.md for what it costs.
class Distributed {
 public:
  /// Starts MPI. One at a time, on the program's first thread. Throws Error if mpirun started several processes and
  /// this build is without MPI: they would train the same model into the same directory.
  explicit Distributed(Loc loc = Loc::current());
  /// Ends MPI; if an exception is on its way, leaves that to mpirun, which then ends the other processes.
  ~Distributed();
  Distributed(const Distributed&) = delete;
  Distributed& operator=(const Distributed&) = delete;

  /// Which of the processes this is, from 0, and how many there are.
  int rank() const;
  int size() const;

  /// The rows of a batch (N n, ...) that are this process's, (n, ...). Throws ShapeError if N does not divide them.
  Tensor part(const Tensor& batch, Loc loc = Loc::current()) const;

  /// Gives all processes rank 0's weights, and from now on the mean of their gradients. With `sharded` (ZeRO-1,
  /// Rajbhandari et al. 2020) each process keeps the moments of its share of the parameters only, and gets the others'
  /// new weights from where they are; then its steps are step()'s. Both must live while gradients are exchanged;
  /// another call takes another model in their place.
  void share(const nn::Parameters& params, Optimizer* sharded = nullptr);

  /// Ends the exchange of the gradients of one backward(); returns the mean of the processes' losses. A gradient that
  /// no process has stays undefined, as do those of other processes' shares.
  double wait(double loss = 0, Loc loc = Loc::current());
  /// The norm of all gradients, as grad_norm(params) where every process has them.
  double grad_norm() const;
  /// optimizer.step(grad_scale); if it is sharded, of this process's share, and then all get the others'.
  void step(Optimizer& optimizer, double grad_scale = 1, Loc loc = Loc::current());

  /// Whether any process says so: they stop together.
  bool any(bool mine) const;
  /// Whether all have the same weights, bit for bit.
  bool agree(const nn::Parameters& params) const;
  /// Runs save() on rank 0, where a sharded optimizer has all moments meanwhile. Called by all.
  void save(const std::function<void()>& save);

  /// While it lives, gradients stay here and add up: for all but the last backward of an accumulated step.
  class Local : Scoped<bool> {
   public:
    explicit Local(Distributed& world) : Scoped(world.local_, true) {}
  };

 private:
  struct Exchange;
  bool local_ = false;
  std::unique_ptr<Exchange> exchange_;  // null in a world of one
  const nn::Parameters* params_ = nullptr;
};

}  // namespace heed::train
