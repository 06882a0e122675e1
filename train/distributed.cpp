#include <heed/train/distributed.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <vector>

#include <heed/autograd/engine.h>
#include <heed/autograd/grad_mode.h>
#include <heed/autograd/ops.h>
#include <heed/tensor/kernels/copy.h>
#include <heed/train/clip.h>
#include <heed/train/data/text.h>

#include <mpi.h>

namespace heed::train {

namespace {

// Long enough for the network's full speed, short enough that the first are gone while most of backward is to come.
constexpr int64_t kBucketBytes = int64_t{2} << 20;

MPI_Datatype mpi_type(DType dtype) { return dtype == f32 ? MPI_FLOAT : MPI_DOUBLE; }

}  // namespace

/// All gradients lie in one array, last parameter first, as backward brings them; buckets are cut by size alone and go
/// out in their order, which is the same everywhere.
struct Distributed::Exchange {
  struct Place {
    Tensor parameter;
    int64_t begin, end;
    int owner;  // of its moments
    bool here = false;
  };
  struct Bucket {
    int64_t begin, end, last;  // last: of the parameters that it holds a part of
    int owner;
  };

  int rank = 0, size = 1;
  const bool& local;
  Optimizer* sharded = nullptr;
  DType dtype = f32;
  Tensor all;
  std::vector<Place> places;
  std::vector<Bucket> buckets;
  std::vector<MPI_Request> requests;
  int64_t arrived = 0;  // the first so many places
  std::vector<GradHook> hooks;

  explicit Exchange(const bool& stay_local) : local(stay_local) {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }

  static void* bytes(const Tensor& x, int64_t element = 0) {
    return x.storage()->data() + (x.offset() + element) * static_cast<int64_t>(size_of(x.dtype()));
  }

  void lay_out(const nn::Parameters& params) {
    hooks.clear(), places.clear(), buckets.clear();  // those of an earlier model
    int64_t total = 0, at = 0;
    for (const auto& [name, p] : params) total += p.requires_grad() ? p.numel() : 0;
    dtype = params.dtype();
    all = zeros({total}, dtype);
    std::vector<Tensor> backwards;
    for (const auto& [name, p] : params) backwards.insert(backwards.begin(), p);
    for (const Tensor& p : backwards) {
      const int64_t sent = p.requires_grad() ? p.numel() : 0;
      const auto share = static_cast<int>((at + sent / 2) * size / std::max<int64_t>(1, total));
      places.push_back({p, at, at + sent, sharded ? std::min(share, size - 1) : rank});
      at += sent;
    }
    const int64_t longest = kBucketBytes / static_cast<int64_t>(size_of(dtype));
    for (int64_t i = 0; i < std::ssize(places); ++i)
      for (int64_t begin = places[i].begin; begin < places[i].end;) {
        const bool joins = !buckets.empty() && buckets.back().owner == places[i].owner &&
                           buckets.back().end - buckets.back().begin < longest;
        if (!joins) buckets.push_back({begin, begin, i, places[i].owner});
        Bucket& bucket = buckets.back();
        bucket.end = std::min(places[i].end, bucket.begin + longest);
        bucket.last = i;
        begin = bucket.end;
      }
    for (int64_t i = 0; i < std::ssize(places); ++i)
      if (places[i].parameter.requires_grad())
        hooks.push_back(register_post_accumulate_grad_hook(places[i].parameter, [this, i](Tensor& g) { take(i, g); }));
  }

  void take(int64_t i, Tensor& g) {
    if (local) return;
    Place& place = places[i];
    if (place.here)
      fail<GradError>({"Distributed"},
                      "a second backward before wait(); need Distributed::Local around all but the last");
    if (g.numel() != place.end - place.begin)
      fail<GradError>({"Distributed"},
                      "a parameter that was frozen has a gradient; need another share() after unfreeze");
    const NoGrad no_grad;
    kernels::copy_into(mul(g, 1.0 / size).reshape({-1}), all.narrow(0, place.begin, g.numel()));
    g = Tensor();
    place.here = true;
    const auto ready = [](const Place& p) { return p.here || p.begin == p.end; };
    while (arrived < std::ssize(places) && ready(places[arrived])) ++arrived;
    send();
  }

  /// Buckets whose gradients are all here; what is under way gets on a bit too.
  void send() {
    while (requests.size() < buckets.size() && buckets[requests.size()].last < arrived) {
      const Bucket& bucket = buckets[requests.size()];
      const int count = static_cast<int>(bucket.end - bucket.begin);
      void* const data = bytes(all, bucket.begin);
      MPI_Request& request = requests.emplace_back();
      if (!sharded) MPI_Iallreduce(MPI_IN_PLACE, data, count, mpi_type(dtype), MPI_SUM, MPI_COMM_WORLD, &request);
      else if (bucket.owner == rank)
        MPI_Ireduce(MPI_IN_PLACE, data, count, mpi_type(dtype), MPI_SUM, rank, MPI_COMM_WORLD, &request);
      else MPI_Ireduce(data, nullptr, count, mpi_type(dtype), MPI_SUM, bucket.owner, MPI_COMM_WORLD, &request);
    }
    int done = 0;
    std::vector<MPI_Request>& r = requests;
    if (!r.empty()) MPI_Testall(static_cast<int>(r.size()), r.data(), &done, MPI_STATUSES_IGNORE);
  }

  double wait(double loss) {
    const NoGrad no_grad;
    std::vector<double> sums{loss};  // and of how many processes each gradient comes
    for (int64_t i = 0; i < std::ssize(places); ++i) {
      const Place& place = places[i];
      if (Tensor g = place.parameter.requires_grad() ? place.parameter.grad() : Tensor(); !place.here && g.defined())
        take(i, g);
      sums.push_back(place.here);
      if (!place.here)
        std::memset(bytes(all, place.begin), 0, static_cast<size_t>(place.end - place.begin) * size_of(dtype));
    }
    arrived = std::ssize(places);
    send();
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
    MPI_Allreduce(MPI_IN_PLACE, sums.data(), static_cast<int>(sums.size()), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    for (int64_t i = 0; i < std::ssize(places); ++i) {
      Place& place = places[i];
      const bool mine = !sharded || place.owner == rank;
      place.here = false;
      if (!place.parameter.requires_grad()) continue;
      if (sums[i + 1] == 0 || !mine) place.parameter.zero_grad();
      else
        place.parameter.set_grad(all.narrow(0, place.begin, place.end - place.begin).reshape(place.parameter.shape()));
    }
    requests.clear();
    arrived = 0;
    return sums[0] / size;
  }

  /// Each parameter from where it is now, by the place that owner(place) says.
  template <class Owner>
  void broadcast(Owner owner) {
    std::vector<MPI_Request> sent;
    for (const Place& place : places)
      MPI_Ibcast(bytes(place.parameter), static_cast<int>(place.parameter.numel()), mpi_type(dtype), owner(place),
                 MPI_COMM_WORLD, &sent.emplace_back());
    MPI_Waitall(static_cast<int>(sent.size()), sent.data(), MPI_STATUSES_IGNORE);
    for (const Place& place : places) place.parameter.storage()->mark_written();
  }

  /// Whose a slot of the optimiser is: those are in the order of the parameters.
  int owner_of_slot(size_t i) const { return places[places.size() - 1 - i].owner; }

  void drop_moments() {
    for (size_t i = 0; i < sharded->slots_.size(); ++i)
      if (owner_of_slot(i) != rank) sharded->slots_[i].moments.clear();
  }

  void gather_moments() {
    for (size_t i = 0; i < sharded->slots_.size(); ++i) {
      Optimizer::Slot& slot = sharded->slots_[i];
      const int owner = owner_of_slot(i);
      if (owner == 0 || (rank != 0 && rank != owner)) continue;
      transfer(&slot.steps, 1, MPI_INT64_T, owner);
      if (rank == 0 && slot.steps > 0) sharded->start_moments(slot);
      for (auto& [name, moment] : slot.moments) transfer(bytes(moment), moment.numel(), mpi_type(dtype), owner);
    }
  }

  void transfer(void* data, int64_t count, MPI_Datatype type, int from) const {
    if (rank == 0) MPI_Recv(data, static_cast<int>(count), type, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else MPI_Send(data, static_cast<int>(count), type, 0, 0, MPI_COMM_WORLD);
  }
};

Distributed::Distributed(Loc loc) {
  const Op op{"Distributed", loc};
  int started = 0, provided = 0;
  MPI_Initialized(&started);
  if (started) fail<Error>(op, "MPI runs already; need one Distributed in a program, and no MPI before it");
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  auto exchange = std::make_unique<Exchange>(local_);
  if (exchange->size > 1) exchange_ = std::move(exchange);
}

Distributed::~Distributed() {
  exchange_.reset();
  if (std::uncaught_exceptions() == 0) MPI_Finalize();
}

int Distributed::rank() const { return exchange_ ? exchange_->rank : 0; }
int Distributed::size() const { return exchange_ ? exchange_->size : 1; }

Tensor Distributed::part(const Tensor& batch, Loc loc) const {
  const int64_t rows = batch.rank() > 0 ? batch.size(0) : 0;
  if (rows % size() != 0)
    fail<ShapeError>({"Distributed::part", loc}, "a batch of {} rows for {} processes; need a multiple", rows, size());
  return batch.narrow(0, rows / size() * rank(), rows / size());
}

void Distributed::share(const nn::Parameters& params, Optimizer* sharded) {
  params_ = &params;
  if (!exchange_) return;
  exchange_->sharded = sharded;
  exchange_->lay_out(params);
  exchange_->broadcast([](const Exchange::Place&) { return 0; });
  if (sharded) exchange_->drop_moments();
}

double Distributed::wait(double loss, Loc loc) {
  const Op op{"Distributed", loc};
  return exchange_ ? exchange_->wait(loss) : loss;
}

double Distributed::grad_norm() const {
  const double norm = train::grad_norm(*params_);
  if (!exchange_ || !exchange_->sharded) return norm;
  double squares = norm * norm;
  MPI_Allreduce(MPI_IN_PLACE, &squares, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return std::sqrt(squares);
}

void Distributed::step(Optimizer& optimizer, double grad_scale, Loc loc) {
  optimizer.step(grad_scale, loc);
  if (exchange_ && exchange_->sharded) exchange_->broadcast([](const Exchange::Place& place) { return place.owner; });
}

bool Distributed::any(bool mine) const {
  int all = mine;
  if (exchange_) MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_LOR, MPI_COMM_WORLD);
  return all;
}

bool Distributed::agree(const nn::Parameters& params) const {
  if (!exchange_) return true;
  uint64_t hash = kNothingHashed;
  for (const auto& [name, p] : params)
    hash = fnv1a({static_cast<const char*>(Exchange::bytes(p)), static_cast<size_t>(p.numel()) * size_of(p.dtype())},
                 hash);
  uint64_t least_and_most[] = {hash, ~hash};  // the least of ~hash is the most of hash
  MPI_Allreduce(MPI_IN_PLACE, least_and_most, 2, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
  return least_and_most[0] == ~least_and_most[1];
}

void Distributed::save(const std::function<void()>& save) {
  if (exchange_ && exchange_->sharded) exchange_->gather_moments();
  if (rank() == 0) save();
  if (exchange_ && exchange_->sharded) exchange_->drop_moments();
}

}  // namespace heed::train
