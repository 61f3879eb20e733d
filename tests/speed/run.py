"""``make bench``: how many times faster than its peers each hot path is, next to the target.

``run.py [NAME ...]`` prints the rows of the bench files with NAME in their names, of all without one;
``--write FILE`` also writes them as the page of benchmarks.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import cv2
import torch
from common import NotMeasured, PeerMissing, Row
from page import Section, amount, busy, factor, named, page

FAILED = "the benchmark failed"


def measured(file: str) -> Section:
    """Run one bench file; where its peer is missing, or it fails, its only row says so."""
    name = file.removeprefix("bench_").replace("_", " ")
    bench = importlib.import_module(file)
    text = (bench.__doc__ or "").partition("\n\n")[0]
    try:
        rows = list(bench.run())
    except PeerMissing as missing:
        rows = [NotMeasured("", name, f"{missing} is not installed")]
    except Exception as error:
        traceback.print_exc()
        rows = [NotMeasured("", name, f"{FAILED}: {type(error).__name__}")]
    return Section(name.capitalize(), text, rows)


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
    """Return 1 where a target is missed or a benchmark fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of bench files (default: all)")
    parser.add_argument("--write", type=Path, help="write the page of benchmarks to this file")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    load = busy()
    files = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    print(f"{'target':<7}{'what':<88}{'ours':>10}{'peer':>10}{'ratio':>8}{'lowest':>8}{'highest':>8}{'at least':>9}")
    sections = []
    for file in files:
        if asked.names and not any(name in file for name in asked.names):
            continue
        sections.append(measured(file))
        for row in sections[-1].rows:
            print(shown(row), flush=True)
    if asked.write:
        asked.write.write_text(page(sections, load=load), encoding="utf-8")
    rows = [row for section in sections for row in section.rows]
    return int(any(row.reason.startswith(FAILED) if isinstance(row, NotMeasured) else not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
