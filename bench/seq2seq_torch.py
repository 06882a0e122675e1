#!/usr/bin/env python3
"""A training step of the GRU encoder-decoder in PyTorch on the CPU: bench_step --model seq2seq's peer, on random words.

`none` decodes from the encoder's last state (Cho et al. 2014); `additive` reads both directions of the source by
Bahdanau's attention. Teacher forcing, Adam, seed 1. Prints one line of JSON.
"""
import argparse

import torch
import torch.nn.functional as F
from step_torch import parsed, time_steps
from torch import nn

B, S, T = 64, 20, 20        # sentences, words of the source, words of the target
E, H, V = 128, 256, 4000    # embedding, hidden, vocabulary


class Translator(nn.Module):
    def __init__(self, attends):
        super().__init__()
        C = 2 * H if attends else H  # the context's width
        self.attends = attends
        self.source, self.target = nn.Embedding(V, E), nn.Embedding(V, E)
        self.encoder = nn.GRU(E, H, batch_first=True, bidirectional=attends)
        self.first = nn.Linear(H, H)
        self.query, self.key = nn.Linear(H, H, bias=False), nn.Linear(C, H, bias=False)
        self.score = nn.Linear(H, 1, bias=False)
        self.decoder = nn.GRUCell(E + C, H)
        self.logits = nn.Linear(H + C + E, V)

    def forward(self, source, target):
        memory, last = self.encoder(self.source(source))  # (B, S, C)
        h, context = self.first(last[-1]).tanh(), memory[:, -1]
        if self.attends:
            keys = self.key(memory)
        read = []
        for word in self.target(target).unbind(1):
            if self.attends:
                scores = self.score((self.query(h)[:, None] + keys).tanh())  # (B, S, 1)
                context = (scores.softmax(1).transpose(1, 2) @ memory)[:, 0]
            h = self.decoder(torch.cat([word, context], 1), h)
            read.append(torch.cat([h, context, word], 1))
        return self.logits(torch.stack(read, 1))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--attention", choices=["none", "additive"], default="additive")
    given = parsed(options, steps=15)
    model = Translator(given.attention == "additive")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    source, target = torch.randint(V, (B, S)), torch.randint(V, (B, T))
    time_steps(given, model, optimizer, lambda m: F.cross_entropy(m(source, target).flatten(0, 1), target.flatten()),
               attention=given.attention)


if __name__ == "__main__":
    main()
