"""The net: two gated recurrent layers, so that a live stream costs one step and one small state."""

from __future__ import annotations

import torch
from torch import nn

from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync.features import INPUT

HIDDEN = 176
LOOK_AHEAD = (0, 2, 4)  # steps of 20 ms: a head for each


class LipNet(nn.Module):
    """(batch, steps, INPUT) and state (2, batch, HIDDEN) to logits (batch, steps, heads, visemes)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(INPUT, HIDDEN)
        self.memory = nn.GRU(HIDDEN, HIDDEN, 2, batch_first=True)
        self.heads = nn.Linear(HIDDEN, len(LOOK_AHEAD) * len(VISEMES))
        self.drop = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y, state = self.memory(self.drop(torch.relu(self.stem(x))), state)
        y = self.heads(self.drop(y))
        return y.view(y.shape[0], y.shape[1], len(LOOK_AHEAD), len(VISEMES)), state


class Exported(nn.Module):
    """What the package runs: probabilities instead of logits."""

    def __init__(self, net: LipNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, state = self.net(x, state)
        return torch.softmax(logits, -1), state
