"""What the layouts of several papers share."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Measure, Subject

PSNR, SSIM, FOUND = "psnr[rgb,255]", "ssim[matlab3d]", "detection[dlib-hog]"
_SHEN = ("shen2020", "shen2020-recognition")
HELEN = Dataset("Helen", "Helen", collections=("helen",), recipes=_SHEN, faces=100)
CELEBA = Dataset("CelebA", "CelebA", collections=("celeba",), recipes=_SHEN, faces=100)
"""The test sets of Shen et al., which others use as well."""
QUALITY = (
    Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
    Measure("SSIM", "SSIM", How("scores", SSIM), 3, "higher"),
)

INPUTS = (Subject("Clear images", "Clear images", reference=True),
          Subject("Blurred images", "Blurred images", reference=True))  # fmt: skip

IMPLEMENTATION = Measure("Implementation", "", How("implementation"), 0, per_method=True)
PARAMETERS = Measure("Parameters", "#Parameters", How("parameters"), 2, suffix="M", scale=1e-6, per_method=True)
MEGABYTES = Measure("MB at fp32", "", How("megabytes"), 2, per_method=True)
"""Not in the papers, which mix megabytes and parameters up."""
