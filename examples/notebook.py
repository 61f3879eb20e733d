"""The chain from Python, as in a notebook: the same words as on the command line, tables as pandas."""

from __future__ import annotations

import sys

from facedeblur.benchmark.scoring.score import score
from facedeblur.generators.build import build
from facedeblur.generators.portraits import write_portraits
from facedeblur.methods.running.runner import run
from facedeblur.reports.leaderboard.table import leaderboard
from facedeblur.reports.page.report import report

if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "example"
    photographs = write_portraits(f"{folder}/photographs")
    made = build("shen2020", photographs, f"{folder}/set")
    outputs = [f"{folder}/outputs/{method}" for method in ("blurred", "unsharp")]
    for out in outputs:
        run(out.rpartition("/")[2], made.root, out)
    tables = score(made.root, outputs, metrics=["psnr", "ssim"])
    print(tables[0].frame.groupby("kernel_size")["psnr[rgb,255]"].mean())
    print(leaderboard(tables).T)
    print(report(tables, f"{folder}/report.html"))
