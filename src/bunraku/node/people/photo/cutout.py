"""The person without what is behind: a matte from two nets, its edge drawn along the photo's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, U8, smooth

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what the salience net was trained on
COARSE = 800  # px of the longer side on which the matte's edge is fitted to colours


def matte(models: Path, bgr: U8) -> F32:
    """(height, width) of 0 to 1."""
    h, w = bgr.shape[:2]
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    salient, selfie = (
        np.clip(cv2.resize(m, (w, h), interpolation=cv2.INTER_CUBIC), 0, 1)
        for m in (_salient(models, rgb), _selfie(models, rgb))
    )
    # A person is what both see; where one is sure, the other may doubt.
    mask = np.where(selfie > 0.5, np.maximum(salient, 0.8 * selfie), salient * np.clip(selfie * 2.5, 0, 1))
    radius = max(3, round(0.008 * max(h, w)))
    fine = _guided((bgr / 255).astype(np.float32), mask.astype(np.float32), radius, 1e-4)
    return _largest(smooth(0.22, 0.88, fine))


def _salient(models: Path, rgb: U8) -> F32:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(models / "salient.onnx"), options, providers=["CPUExecutionProvider"])
    x = cv2.resize(rgb, (320, 320), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    x = ((x - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)[None]
    out = np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0], np.float32).reshape(320, 320)
    return (out - out.min()) / (np.ptp(out) + 1e-6)


def _selfie(models: Path, rgb: U8) -> F32:
    net = cv2.dnn.readNetFromTFLite(str(models / "selfie.tflite"))
    x = cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    net.setInput(np.ascontiguousarray(x.transpose(2, 0, 1)[None]))
    return net.forward(net.getUnconnectedOutLayersNames())[0].reshape(256, 256)


def _largest(alpha: F32) -> F32:
    """Only the person: what hangs together with the largest part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.3).astype(np.uint8))
    if count > 1:
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        alpha = alpha * cv2.GaussianBlur((labels == largest).astype(np.float32), (0, 0), 1.0)
    return alpha.astype(np.float32)


def _guided(guide: F32, mask: F32, radius: int, eps: float) -> F32:
    """The guided filter with a colour guide (He, Sun, Tang 2013, section 3.4): the mask as a linear
    function of colour in every window, so that its edges fall on the guide's. The coefficients are
    found on a smaller picture (He, Sun 2015)."""
    height, width = mask.shape
    k = min(1.0, COARSE / max(height, width))
    small = (max(1, round(width * k)), max(1, round(height * k)))
    near, level = (cv2.resize(a, small, interpolation=cv2.INTER_AREA) for a in (guide, mask))
    reach = max(2, round(radius * k))

    def mean(a: F32) -> F32:
        size = (2 * reach + 1, 2 * reach + 1)
        return cv2.boxFilter(a, -1, size, borderType=cv2.BORDER_REFLECT)

    middle, share = mean(near), mean(level)
    together = mean(near * level[..., None]) - middle * share[..., None]
    spread = np.empty((*level.shape, 3, 3), np.float32)
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        spread[..., i, j] = spread[..., j, i] = (
            mean(near[..., i] * near[..., j]) - middle[..., i] * middle[..., j]
        )
    spread += eps * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(spread, together[..., None])[..., 0]
    offset = mean(share - (slope * middle).sum(-1))
    slope, offset = (
        cv2.resize(a, (width, height), interpolation=cv2.INTER_LINEAR) for a in (mean(slope), offset)
    )
    return (slope * guide).sum(-1) + offset
