// Everything of heed under one include.
#pragma once

#include "autograd/checkpoint.h"
#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/format.h"
#include "tensor/random.h"
#include "tensor/tensor.h"
