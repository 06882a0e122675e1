// The large models of lesson 12 on one task, with one budget.
#pragma once

#include "lesson.h"

namespace lesson {

/// An RNN, an LSTM, soft attention, a Transformer and a GPT learn the grammar's sentence pairs, and are
/// judged by others.
void one_task(Lesson& l);

}  // namespace lesson
