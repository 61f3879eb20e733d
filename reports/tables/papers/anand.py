"""The tables of Anand et al."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods
from facedeblur.reports.tables.papers.common import PSNR

_TEST = "CelebA+YouTubeFaces test"
_DATASETS = {
    "Youtubefaces": "Motion", "celebA": "Synthetic", "Faces94, Faces95, Faces96, Grimace": "Motion",
    "Labeled Faces in the Wild": "Synthetic", "https://youtu.be/Mz0918XdDew": "Motion",
}  # fmt: skip
_COUNTED = How("printed", "numbers and sizes of images are those of images.csv of a set")

ANAND = (
    Layout(
        "anand", "Table I", "Numbers of images and their resolution in pixels, by source", ("Source",),
        (Subject("", "", reference=True),),
        tuple(Dataset(f"{name} ({blur.lower()} blur)", name, f"blur type={blur}") for name, blur in _DATASETS.items()),
        (Measure("Images", "n_images", _COUNTED, 0), Measure("Resolution", "resolution", _COUNTED, 0)),
        rows=("dataset",),
    ),
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
