"""Table 1 of Lin et al., AAAI 2020, tables 5 and 6 of Jung et al. (supplementary material), table II of Anand et al."""

from __future__ import annotations

from facedeblur.reports.paper_tables.layout import How, Layout, Measure, Place, methods
from facedeblur.reports.paper_tables.shen_layouts import CELEBA, HELEN, IMPLEMENTATION, MEGABYTES, PSNR, SSIM

LIN = (
    Layout(
        "lin2020", "Table 1", "Mean PSNR in dB, mean SSIM, and mean run time of an image in seconds",
        ("Dataset", "Criterion"),
        methods("Pan (2016)", "Xu (2018)", "Pan (2014)", "Tao (2018)", "Kupyn (2018)", "Shen (2018)", "Ours"),
        (
            Place("MultiPIE", "MultiPIE", collections=("multipie", "pie")),
            HELEN,
            CELEBA,
            Place("PubFig", "PubFig", collections=("pubfig",)),
        ),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim[perchannel]"), 3, "higher"),
            Measure("Time (s)", "Time", How("seconds"), 3, "lower", condition="*", placeless=True),
        ),
        rows=("place", "measure"), columns=("subject",),
    ),
)  # fmt: skip

DFPGNET = (
    Layout(
        "dfpgnet", "Table 5", "Mean PSNR in dB and mean SSIM", ("Method",),
        methods("VGGFace Encoder", "DFPG-B(ours)"),
        (
            Place("MSPL-Center", "MSPL-Center", recipes=("mspl-center",)),
            Place("Shen", "Shen", recipes=("shen2020",)),
        ),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", SSIM), 3, "higher"),
        ),
        columns=("place", "measure"),
    ),
    Layout(
        "dfpgnet", "Table 6", "Mean run time of an image, and number of parameters", ("Method",),
        methods("Shen et al. [9]", "Lu et al. [5]", "Xia et al. [10]", "Yasarla et al. [11]", "Lee et al. [4]", "Ours"),
        (Place("", ""),),
        (
            IMPLEMENTATION,
            Measure("Run time (s)", "Run time", How("seconds"), 2, "lower", condition="*", placeless=True),
            Measure("Parameters (M)", "Parameters", How("parameters"), 1, condition="*", scale=1e-6, placeless=True),
            MEGABYTES,
        ),
    ),
)  # fmt: skip

_TEST = "CelebA+YouTubeFaces test"

ANAND = (
    Layout(
        "anand", "Table II", "PSNR in dB, run time and SSIM of three images; measured: means over a set",
        ("Model", "Image"), methods("DeepDeblur", "DeblurGAN", "DeblurGANv2"),
        tuple(Place(image, _TEST, f"image={image}") for image in ("a", "b", "c")),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 3, "higher"),
            Measure("Time to deblur (s)", "Time to deblur", How("seconds"), 2, "lower"),
            Measure("SSIM", "SSIM", How("scores", "ssim[skimage]"), 3, "higher"),
        ),
        rows=("subject", "place"),
    ),
)  # fmt: skip
