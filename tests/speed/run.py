"""``make bench``: how many times faster than its peers each hot path is, beside the target."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import cv2
import torch

sys.path.insert(0, str(Path(__file__).parent))

from common import PeerMissing


def main(names: list[str]) -> int:
    """Run the named bench files, or all; return 1 where a target is missed."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    files = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    missed = 0
    print(f"{'target':<8}{'what':<66}{'ours':>11}{'peer':>11}{'ratio':>9}{'at least':>10}")
    for file in files:
        if names and not any(name in file for name in names):
            continue
        try:
            ratios = importlib.import_module(file).run()
        except PeerMissing as missing:
            print(f"{'':<8}{file}: skipped, peer {missing} is not installed")
            continue
        for ratio in ratios:
            missed += not ratio.met
            mark = "" if ratio.met else "  missed"
            print(
                f"{ratio.target:<8}{ratio.what:<66}{ratio.ours_s * 1e3:>9.3f}ms{ratio.peer_s * 1e3:>9.1f}ms"
                f"{ratio.value:>8.2f}x{ratio.at_least:>9.2f}x{mark}",
                flush=True,
            )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
