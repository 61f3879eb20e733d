"""``make bench``: how many times faster than its peers each hot path is, next to the target.

``run.py [NAME ...]`` prints the rows of the bench files with NAME in their names, of all without one;
``--write FILE`` also writes them as the page of benchmarks.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import cv2
import torch
from common import NotMeasured, PeerMissing, Ratio, Row
from page import amount, busy, factor, named, page


def measured(file: str) -> list[Row]:
    """The rows of one bench file; a peer that is missing or a failure is a row too."""
    try:
        return list(importlib.import_module(file).run())
    except PeerMissing as missing:
        return [NotMeasured("", file.removeprefix("bench_"), f"{missing} is not installed")]


def shown(row: Row) -> str:
    """A row as a line of the terminal."""
    if isinstance(row, NotMeasured):
        return f"{row.target:<7}{row.what}: not measured, {row.reason}"
    what = f"{row.what} / {named(row.peer)}" if row.peer else row.what
    ours, theirs = (amount(value, row.unit) for value in (row.ours_s, row.peer_s))
    low, high = (factor(bound) for bound in row.spread or (row.value, row.value))
    return (
        f"{row.target:<7}{what:<88}{ours:>10}{theirs:>10}{factor(row.value):>8}{low:>8}{high:>8}"
        f"{factor(row.at_least):>9}{'' if row.met else '  missed'}"
    )


def main() -> int:
    """Return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of bench files (default: all)")
    parser.add_argument("--write", type=Path, help="write the page of benchmarks to this file")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    load = busy()
    files = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    print(f"{'target':<7}{'what':<88}{'ours':>10}{'peer':>10}{'ratio':>8}{'lowest':>8}{'highest':>8}{'at least':>9}")
    rows: list[Row] = []
    for file in files:
        if asked.names and not any(name in file for name in asked.names):
            continue
        for row in measured(file):
            print(shown(row), flush=True)
            rows.append(row)
    if asked.write:
        asked.write.write_text(page(rows, load=load), encoding="utf-8")
    return int(any(isinstance(row, Ratio) and not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
