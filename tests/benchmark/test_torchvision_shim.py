"""torchvision imports beside a torch build that its compiled operators do not match."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from facedeblur.benchmark.torchvision_shim import nms


def test_nms_equals_the_pairwise_definition() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 50, (80, 2)), rng.uniform(5, 30, (80, 2))
    boxes, scores = np.hstack([corner, corner + size]), rng.permutation(80) / 80

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        sides = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
        shared = sides.prod()
        return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)

    kept: list[int] = []
    for i in np.argsort(-scores):
        if all(overlap(boxes[i], boxes[j]) <= 0.4 for j in kept):
            kept.append(int(i))
    assert 5 < len(kept) < 75
    assert nms(torch.tensor(boxes), torch.tensor(scores), 0.4).tolist() == kept
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.4).tolist() == []


def test_torchvision_imports_in_a_fresh_process() -> None:
    code = (
        "from facedeblur.benchmark.errors import InputError\n"
        "from facedeblur.benchmark.torchvision_shim import prepare\n"
        "try:\n    first = prepare()\n"
        "except InputError as error:\n    print('missing', error)\n    raise SystemExit\n"
        "assert prepare() is first\n"
        "import torch\nfrom torchvision.ops.boxes import batched_nms\n"
        "boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])\n"
        "print(batched_nms(boxes, torch.tensor([.9, .8, .7]), torch.zeros(3), 0.5).tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if done.stdout.startswith("missing"):
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[0, 2]"
