"""Let torchvision import with a torch build that its compiled operators do not match.

The wheels of torchvision on the package index are built against CUDA. With a CPU-only
torch their library of operators does not load, and the import then fails because
``torchvision::nms`` does not exist (pytorch/vision issue 9085). Here the two operators that
the import and ``facenet_pytorch`` need are defined in plain torch. On an installation that
is in order nothing is touched.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import need

if TYPE_CHECKING:
    import torch

_kept: list[Any] = []


def prepare() -> bool:
    """Make ``import torchvision`` work; call it before the first one.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    InputError
        When torch or torchvision is not installed.
    """
    torch = need("torch", "faces")
    if _kept:
        return True
    spec = None if "torchvision" in sys.modules else importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        need("torchvision", "faces")
        return False
    if _operators_load(torch, Path(next(iter(spec.submodule_search_locations)))):
        return False
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CPU")
    library.impl("qnms", nms, "QuantizedCPU")
    _kept.append(library)  # the operators live as long as this object
    vars(need("torchvision.ops.boxes", "faces"))["_assert_has_ops"] = lambda: None
    return True


def _operators_load(torch: Any, package: Path) -> bool:
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    library = next((path for path in sorted(package.glob("_C*")) if path.suffix in {".so", ".pyd", ".dll"}), None)
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Greedy non-maximum suppression in plain torch.

    Parameters
    ----------
    boxes : torch.Tensor, shape (N, 4)
        Left, top, right, bottom.
    scores : torch.Tensor, shape (N,)
    iou_threshold : float
        A box is dropped when its intersection over union with a better one is above this.

    Returns
    -------
    torch.Tensor, shape (K,), int64
        Indices of the boxes kept, best score first.
    """
    import torch

    order = scores.argsort(descending=True, stable=True)
    sorted_boxes = boxes[order].double()
    left, top, right, bottom = sorted_boxes.unbind(1)
    areas = (right - left) * (bottom - top)
    alive = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    kept = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        width = (torch.minimum(right[i], right[i + 1 :]) - torch.maximum(left[i], left[i + 1 :])).clamp(min=0)
        height = (torch.minimum(bottom[i], bottom[i + 1 :]) - torch.maximum(top[i], top[i + 1 :])).clamp(min=0)
        shared = width * height
        alive[i + 1 :] &= shared <= iou_threshold * (areas[i] + areas[i + 1 :] - shared)
    return order[torch.tensor(kept, dtype=torch.int64, device=boxes.device)]
