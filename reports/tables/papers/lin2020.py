"""The tables of Lin et al. 2020."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods
from facedeblur.reports.tables.papers.common import PSNR


def _set(label: str, name: str, faces: int, *collections: str) -> Dataset:
    return Dataset(label, name, collections=collections, recipes=("lin2020",), faces=faces)


LIN = (
    Layout(
        "lin2020", "Table 1", "Mean PSNR in dB, mean SSIM, and mean run time of an image in seconds",
        ("Dataset", "Criterion"),
        methods("Pan (2016)", "Xu (2018)", "Pan (2014)", "Tao (2018)", "Kupyn (2018)", "Shen (2018)", "Ours"),
        (
            _set("MultiPIE", "MultiPIE", 342, "multipie", "pie"),
            _set("Helen", "Helen", 330, "helen"),
            _set("CelebA", "CelebA", 300, "celeba"),
            _set("PubFig", "PubFig", 300, "pubfig"),
        ),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim[perchannel]"), 3, "higher"),
            Measure("Time (s)", "Time", How("seconds"), 3, "lower", condition="*", per_method=True),
        ),
        rows=("dataset", "measure"), columns=("subject",),
    ),
    Layout(
        "lin2020", "Table 2", "Mean PSNR in dB and mean SSIM of variants of the network", ("Variant",),
        tuple(
            Subject(name, name, "ablation") for name in ("Direct", "L_0", "Naive E2E", "Intensity", "A w/o s", "Ours")
        ),
        (_set("MultiPIE", "MultiPIE (CMU PIE)", 342, "multipie", "pie"),),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim[perchannel]"), 3, "higher"),
        ),
    ),
)  # fmt: skip
