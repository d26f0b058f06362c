"""Train the lip net and write it as ONNX: ``python studio/lips/train.py DATA OUT.onnx [--minutes 40]``.

Seeds are fixed; the order of sums on another number of threads is not, so a second training
differs in the last digits.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from net import HIDDEN, LOOK_AHEAD, Exported, LipNet
from onnx import numpy_helper
from torch.nn import functional
from voices import CLASSES

from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync.features import (
    BANDS,
    FLOOR,
    INPUT,
    LOUD,
    MEMORY,
    PEAK_DECAY,
    PEAK_FLOOR,
    PRIOR_WEIGHT,
    SCALE,
)

SHARES = {"rms": 0.31, "awb": 0.29, "kal16": 0.07, "espeak": 0.24, "other": 0.09}
BATCH, STEPS = 32, 150
WARM = 8  # first steps of a cut are not judged
COARSE = torch.tensor(CLASSES)


class Corpus:
    def __init__(self, folder: Path) -> None:
        self.sources = {}
        for name in SHARES:
            with np.load(folder / f"{name}.npz") as data:
                power = torch.from_numpy(data["power"])
                labels = torch.from_numpy(data["labels"].astype(np.int64))
                self.sources[name] = (power, labels)
        loud = torch.cat([self.sources[n][0][::5].float() for n in ("rms", "awb", "espeak")])
        level = loud.mean(1)
        self.prior = loud[level > level.quantile(0.6)].mean(0)

    def batch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Log power (BATCH, 2 * STEPS + 2, BANDS) and labels (BATCH, STEPS)."""
        names, shares = list(SHARES), np.array(list(SHARES.values()))
        xs, ys = [], []
        for name in rng.choice(names, BATCH, p=shares / shares.sum()):
            power, labels = self.sources[name]
            at = int(rng.integers(1, len(labels) - STEPS))
            xs.append(power[2 * at - 2 : 2 * (at + STEPS)])
            ys.append(labels[at : at + STEPS])
        return torch.stack(xs).float(), torch.stack(ys)


def disturb(x: torch.Tensor) -> torch.Tensor:
    """Level, microphone colour, noise and vocal-tract length, in the mel domain."""
    b, t, bands = x.shape
    axis = torch.arange(bands).float() / bands
    gain = (torch.rand(b, 1, 1) * 2 - 1) * 2.5
    tilt = (torch.rand(b, 1, 1) * 2 - 1) * 2.0 * (axis - 0.5)
    colour = functional.interpolate(torch.randn(b, 1, 6) * 0.5, bands, mode="linear", align_corners=True)
    noise = torch.exp(torch.rand(b, 1, 1) * 9 - 12.5) * torch.exp(-torch.rand(b, 1, 1) * 3 * axis)
    noise = noise * torch.exp(0.6 * torch.randn(b, t, bands)).clamp(0, 6)
    x = torch.log(torch.exp(x + gain + tilt + colour) + noise + FLOOR)
    stretch = 1 + (torch.rand(b, 1) * 2 - 1) * 0.12
    place = (torch.arange(bands).float() * stretch).clamp(0, bands - 1)
    low = place.floor().long()
    high, share = (low + 1).clamp(max=bands - 1), (place - low)[:, None]
    pick = lambda i: torch.gather(x, 2, i[:, None].expand(-1, t, -1))  # noqa: E731
    return pick(low) * (1 - share) + pick(high) * share


def normalise(x: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """``lipsync.features.Normaliser`` for a batch, begun somewhere near the prior."""
    b = len(x)
    mean = prior + 0.3 * torch.randn(b, 1) + 0.15 * torch.randn(b, BANDS)
    count = torch.where(torch.rand(b) < 0.5, PRIOR_WEIGHT, MEMORY * torch.rand(b).clamp(min=0.2))
    peak = torch.full((b,), PEAK_FLOOR)
    out = []
    loudness = x.mean(2)
    for i in range(x.shape[1]):
        frame = x[:, i]
        peak = torch.maximum(torch.maximum(loudness[:, i], peak - PEAK_DECAY), torch.tensor(PEAK_FLOOR))
        loud = loudness[:, i] > peak - LOUD
        count = torch.where(loud, (count + 1).clamp(max=MEMORY), count)
        mean = torch.where(loud[:, None], mean + (frame - mean) / count[:, None], mean)
        out.append((frame - mean) * float(SCALE))
    return torch.stack(out, 1)


def loss_of(logits: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(())
    fold = functional.one_hot(COARSE, 8).float()
    for head, ahead in enumerate(LOOK_AHEAD):
        start = max(ahead, WARM)
        out = logits[:, start:, head].reshape(-1, len(VISEMES))
        wanted = labels[:, start - ahead : STEPS - ahead].reshape(-1)
        fine = functional.cross_entropy(out, wanted, label_smoothing=0.03)
        visual = torch.log(torch.softmax(out, 1) @ fold + 1e-6)
        total = total + fine + 0.7 * functional.nll_loss(visual, COARSE[wanted])
    return total / len(LOOK_AHEAD)


def train(data: Path, minutes: float) -> tuple[LipNet, torch.Tensor]:
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    corpus = Corpus(data)
    net = LipNet()
    print(sum(p.numel() for p in net.parameters()), "parameters", flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-3)
    begin, count, running = time.monotonic(), 0, 0.0
    average = {k: v.clone() for k, v in net.state_dict().items()}
    while (spent := (time.monotonic() - begin) / 60) < minutes:
        share = spent / minutes
        rate = 2.2e-3 * min(1.0, (count + 1) / 200) * (0.5 * (1 + np.cos(np.pi * share)) + 0.005)
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, y = corpus.batch(rng)
        x = normalise(disturb(x), corpus.prior)
        inputs = x.unfold(1, 4, 2).permute(0, 1, 3, 2).reshape(BATCH, STEPS, INPUT)
        logits, _ = net(inputs, torch.zeros(2, BATCH, HIDDEN))
        loss = loss_of(logits, y, y)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        count += 1
        running += (float(loss.detach()) - running) * 0.01
        keep = 0.998 if count > 500 else 0.9
        for k, v in net.state_dict().items():
            average[k] += (v - average[k]) * (1 - keep)
        if count % 200 == 0:
            hit = (logits[:, 10:, 1].argmax(-1) == y[:, 8:-2]).float().mean()
            print(f"{count} {spent:.1f} min loss {running:.3f} 40 ms ahead {hit:.3f}", flush=True)
    net.load_state_dict(average)
    return net.eval(), corpus.prior


def export(net: LipNet, prior: torch.Tensor, out: Path) -> None:
    """ONNX with weights in half precision, widened when it is loaded."""
    example = (torch.zeros(1, 2, INPUT), torch.zeros(2, 1, HIDDEN))
    torch.onnx.export(
        Exported(net).eval(), example, str(out), input_names=["x", "state"], output_names=["p", "next"],
        dynamic_axes={"x": {0: "batch", 1: "steps"}, "state": {1: "batch"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(out))
    kept = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 256:
            half = numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half")
            kept.append(half)
            cast = onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
        else:
            kept.append(tensor)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    entry = model.metadata_props.add()
    entry.key, entry.value = "prior", json.dumps([round(float(v), 4) for v in prior])
    onnx.checker.check_model(model)
    onnx.save(model, str(out))
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=35.0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    export(*train(arguments.data, arguments.minutes), arguments.out)
