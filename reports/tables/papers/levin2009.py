"""Results that a later paper prints for the images of Levin et al. 2009."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods

_METHODS = (
    "Krishnan et al.", "Cho & Lee", "Levin et al.", "Xu & Jia", "Sun et al.", "Zuo et al.", "Pan-DCP", "SRN", "MPRNet",
    "Restormer", "BlindDPS", "SelfDeblur", "MCEM", "VDIP", "Ours",
)  # fmt: skip

LEVIN = (
    Layout(
        "zhang2024", "Table 11", "Mean PSNR in dB, mean SSIM and mean error ratio on the images of Levin et al. 2009",
        ("Method",),
        (Subject("known k", "known k", reference=True), *methods(*_METHODS)),
        (Dataset("Levin", "Levin", recipes=("levin2009",), faces=4),),
        (
            Measure("PSNR", "PSNR", How("scores", "psnr-shift"), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim-shift"), 3, "higher"),
            Measure("Error ratio", "error ratio", How("error-ratio"), 3, "lower"),
        ),
    ),
)  # fmt: skip
