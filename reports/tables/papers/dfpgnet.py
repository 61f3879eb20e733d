"""The tables of Jung et al. (DFPGnet), and the numbers in their text."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods
from facedeblur.reports.tables.papers.common import FOUND, IMPLEMENTATION, MEGABYTES, QUALITY

_LAYERS = ("relu1_2 (64ch)", "relu2_2 (128ch)", "relu3_3 (256ch)")
_ATTENTION = How(
    "printed",
    "channel weights of a discriminator are in no score table; facedeblur channel-weights shows them next to these",
)

DFPGNET = (
    Layout(
        "dfpgnet", "Section 2.1", "Channels of VGGFace's features that the discriminator weights heavily and lightly",
        ("Layer",), tuple(Subject(layer, "D^c CA module", layer, reference=True) for layer in _LAYERS),
        (Dataset("MSPL-Center", "MSPL-Center blurry"),),
        (
            Measure("Weight > 0.8", "channels_with_weight_gt_0.8", _ATTENTION, 1, suffix="%", scale=100),
            Measure("Weight < 0.2", "channels_with_weight_lt_0.2", _ATTENTION, 1, suffix="%", scale=100),
        ),
    ),
    Layout(
        "dfpgnet", "Section 2.2", "Faces detected, and accuracy of face verification", ("Images",),
        (
            Subject("Clear images", "clear", "GT", reference=True),
            Subject("Blurred images", "blurred", "blurry", reference=True),
        ),
        (Dataset("CelebA", "Shen CelebA", collections=("celeba",), recipes=("shen2020", "shen2020-recognition"),
                 faces=100),),
        (
            Measure("Detection", "face_detection", How("scores", FOUND), 2, "higher", suffix="%", scale=100),
            Measure("Verification", "face_verification", How("verification", "mobilefacenet"), 2, "higher", suffix="%",
                    scale=100),
        ),
    ),
    Layout(
        "dfpgnet", "Table 5", "Mean PSNR in dB and mean SSIM", ("Method",),
        methods("VGGFace Encoder", "DFPG-B(ours)"),
        (
            Dataset("MSPL-Center", "MSPL-Center", collections=("celebamask", "celeba"), recipes=("mspl-center",)),
            Dataset("Shen", "Shen", collections=("helen", "celeba"), recipes=("shen2020",), faces=200),
        ),
        QUALITY,
        columns=("dataset", "measure"),
    ),
    Layout(
        "dfpgnet", "Table 6", "Mean run time of an image, and number of parameters", ("Method",),
        methods("Shen et al. [9]", "Lu et al. [5]", "Xia et al. [10]", "Yasarla et al. [11]", "Lee et al. [4]", "Ours"),
        (Dataset("", ""),),
        (
            IMPLEMENTATION,
            Measure("Run time (s)", "Run time", How("seconds"), 2, "lower", condition="*", per_method=True),
            Measure("Parameters (M)", "Parameters", How("parameters"), 1, condition="*", scale=1e-6, per_method=True),
            MEGABYTES,
        ),
    ),
)  # fmt: skip
