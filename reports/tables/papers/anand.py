"""The tables of Anand et al."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, methods
from facedeblur.reports.tables.papers.common import PSNR

_TEST = "CelebA+YouTubeFaces test"

ANAND = (
    Layout(
        "anand", "Table II", "PSNR in dB, run time and SSIM of three images; measured: means over a set",
        ("Model", "Image"), methods("DeepDeblur", "DeblurGAN", "DeblurGANv2"),
        tuple(Dataset(image, _TEST, f"image={image}") for image in ("a", "b", "c")),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 3, "higher"),
            Measure("Time to deblur (s)", "Time to deblur", How("seconds"), 2, "lower"),
            Measure("SSIM", "SSIM", How("scores", "ssim[skimage]"), 3, "higher"),
        ),
        rows=("subject", "dataset"),
    ),
)  # fmt: skip
