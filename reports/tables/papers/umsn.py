"""The tables of Yasarla et al. 2020 (UMSN)."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods
from facedeblur.reports.tables.papers.common import CELEBA, HELEN, INPUTS, PSNR, QUALITY, SSIM

_CLASSES = ("background", "skin", "parts", "hair")
_KRISHNAN, _PAN_2014, _SHAN = "Krishnan et al. (CVPR 2011)", "Pan et al. (ECCV 2014)", "Shan et al. (SIGGRAPH 2008)"
_XU, _CHO, _ZHONG = "Xu et al. (CVPR 2013)", "Cho et al. (SIGGRAPH 2009)", "Zhong et al. (CVPR 2013)"
_NAH, _SHEN, _KUPYN = "Nah et al. (CVPR 2017)", "Shen et al. (CVPR 2018)", "Kupyn et al. (ICCV 2019)"
_OURS = "UMSN (ours w/L_total)"


def _masked(label: str, group: str) -> str:
    definition = "psnr-class[rgb,255" if label == "PSNR" else "ssim-class[matlab3d"
    return f"{definition},masked,umsn4,{group}]"


TABLE_1 = Layout(
    "umsn", "Table I", "PSNR in dB and SSIM of each semantic class", ("Method",),
    methods("Shen et al.", "UMSN"), (CELEBA, HELEN),
    tuple(
        Measure(label, label, How("scores", _masked(label, group)), 2, "higher", f"class-{at}", f"class-{at}")
        for at, group in enumerate(_CLASSES, start=1)
        for label in ("PSNR", "SSIM")
    ),
    rows=("dataset", "subject"),
)  # fmt: skip

_CLEAN, _TUNED = "S-Net trained on clean images", "S-Net fine-tuned w/ blurry images"

TABLE_2 = Layout(
    "umsn", "Table II", "F-score of semantic labels by class, on clean and blurry images", ("Class",),
    (
        Subject(f"Clean: {_CLEAN}", _CLEAN, "input=clean", reference=True),
        Subject(f"Blurry: {_CLEAN}", _CLEAN, "input=blurry", reference=True),
        Subject(f"Blurry: {_TUNED}", _TUNED, "input=blurry", reference=True),
    ),
    (HELEN,),
    tuple(
        Measure(f"class-{at}", "F-score", How("parsing", f"umsn4:{group}"), 3, "higher", condition=f"class-{at}")
        for at, group in enumerate(_CLASSES, start=1)
    ),
    rows=("measure",), columns=("subject",),
)  # fmt: skip

TABLE_3 = Layout(
    "umsn", "Table III", "Mean PSNR in dB and mean SSIM", ("Deblurring method",),
    methods(_KRISHNAN, _PAN_2014, _SHAN, _XU, _CHO, _ZHONG, _NAH, f"{_SHEN} w/GAN", _SHEN, _KUPYN, _OURS),
    (HELEN, CELEBA), QUALITY,
    columns=("dataset", "measure"),
)  # fmt: skip

TABLE_4 = Layout(
    "umsn", "Table IV", "Distance of VGG-Face pool5 features from those of the sharp image", ("Deblurring method",),
    methods(_XU, _ZHONG, _NAH, _SHEN, _KUPYN, _OURS), (HELEN, CELEBA),
    (Measure("d_VGG", "d_VGG", How("scores", "dvgg[vgg-face,norm]"), 2, "lower", condition="VGG-Face pool5 L2"),),
    columns=("dataset", "measure"),
)  # fmt: skip

TABLE_5 = Layout(
    "umsn", "Table V", "Faces recognised among the nearest 1, 3 and 5 images of the gallery", ("Deblurring method",),
    (*INPUTS, *methods(_PAN_2014, _XU, _ZHONG, _NAH, _SHEN, _KUPYN, _OURS)), (CELEBA,),
    tuple(
        Measure(f"Top-{k}", f"recognition_top{k}", How("recognition", str(k)), 0, "higher", suffix="%", scale=100)
        for k in (1, 3, 5)
    ),
)  # fmt: skip

TABLE_6 = Layout(
    "umsn", "Table VI", "Mean PSNR in dB and mean SSIM of variants of the network", ("Variant",),
    methods("baseline (B-Net)", "+ semantic maps", "+ nested residuals", "UMSN without L_c", "UMSN"), (HELEN, CELEBA),
    (
        Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
        Measure("SSIM", "SSIM", How("scores", SSIM), 2, "higher"),
    ),
    columns=("dataset", "measure"),
)  # fmt: skip

_CONFIDENCES = tuple(Measure(f"C{at}", f"C{at}", How("confidence", str(at)), 3) for at in range(1, 5))

TABLE_7 = Layout(
    "umsn", "Table VII", "Confidence of each class in the course of training", ("Image and iteration",),
    tuple(
        Subject(f"Image {image}, {step:,}", "UMSN", f"Image{image};iteration={step}", reference=True)
        for image in (1, 2) for step in (3000, 50000, 100000)
    ),
    (Dataset("", ""),), _CONFIDENCES, split="step",
)  # fmt: skip

TABLE_8 = Layout(
    "umsn", "Table VIII", "Confidence of each class by the size of the point spread function", ("Person and size",),
    tuple(
        Subject(f"Person {person}, {size}×{size}", "UMSN", f"Identity{person};kernel={size}x{size}", reference=True)
        for person in (1, 2) for size in (17, 27)
    ),
    (Dataset("", ""),), _CONFIDENCES, split="kernel_size",
)  # fmt: skip

PUBFIG = Layout(
    "umsn", "Section IV.B", "Mean PSNR in dB and mean SSIM on 192 images of PubFig", ("Deblurring method",),
    methods("Song et al. (IJCV 2019)", "UMSN"),
    (Dataset("PubFig", "PubFig (192 blurry images)", collections=("pubfig",)),),
    (
        Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
        Measure("SSIM", "SSIM", How("scores", SSIM), 2, "higher"),
    ),
)  # fmt: skip

UMSN = (TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, PUBFIG)
