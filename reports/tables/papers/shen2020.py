"""The tables of Shen et al. 2020."""

from __future__ import annotations

from facedeblur.reports.tables.layouts import Dataset, How, Layout, Measure, Subject, methods
from facedeblur.reports.tables.papers.common import (
    CELEBA,
    FOUND,
    HELEN,
    IMPLEMENTATION,
    INPUTS,
    MEGABYTES,
    PARAMETERS,
    PSNR,
    QUALITY,
    SSIM,
)

_BEFORE = ("Shan et al. (2008)", "Cho and Lee (2009)", "Krishnan et al. (2011)", "Xu et al. (2013)",
           "Zhong et al. (2013)")  # fmt: skip
_PAN = ("Pan et al. (2014)", "Pan et al. (2017a)")
_AFTER = ("Nah et al. (2017)", "Tao et al. (2018)", "Li et al. (2018)", "Kupyn et al. (2018)", "Jin et al. (2018)",
          "Shen et al. (2018)", "Ours")  # fmt: skip


_COMPONENTS = {
    "face": "skin", "left eyebrow": "left-brow", "right eyebrow": "right-brow", "left eye": "left-eye",
    "right eye": "right-eye", "nose": "nose", "upper lip": "upper-lip", "lower lip": "lower-lip",
    "teeth": "inner-mouth", "hair": "hair", "average": "mean",
}  # fmt: skip

SHEN_TABLE_3 = Layout(
    "shen2020", "Table 3", "F-score of face parsing by component, on clear, blurred and deblurred images", ("Input",),
    tuple(
        Subject(name, "face parsing network", f"input={name}", reference=True)
        for name in ("Clear", "Blurred", "Deblurred")
    ),
    (HELEN,),
    tuple(
        Measure(label, "F-score", How("parsing", f"helen11:{group}"), 3, "higher", condition=f"component={label}")
        for label, group in _COMPONENTS.items()
    ),
    rows=("measure",), columns=("subject",),
)  # fmt: skip

SHEN_TABLE_9 = Layout(
    "shen2020", "Table 9", "Mean PSNR in dB and mean SSIM by size of the point spread function", ("Method",),
    # The two rows of Pan et al. stand the other way round here than in Table 10.
    methods(*_BEFORE, *reversed(_PAN), *_AFTER),
    (HELEN, CELEBA),
    tuple(
        Measure(label, label, How("scores", metric, kernel_size=size), decimals, "higher", f"{size}×{size}",
                f"kernel={size}x{size}")
        for size in range(13, 28, 2)
        for label, metric, decimals in (("PSNR", PSNR, 2), ("SSIM", SSIM, 3))
    ),
    rows=("dataset", "subject"),
)  # fmt: skip

SHEN_TABLE_10 = Layout(
    "shen2020", "Table 10", "Mean and standard deviation over all images, and worst image, of PSNR in dB and SSIM",
    ("Method",), methods(*_BEFORE, *_PAN, *_AFTER), (HELEN, CELEBA),
    (
        Measure("Average PSNR", "PSNR_average", How("scores", PSNR), 2, "higher", spread="PSNR_std"),
        Measure("Worst PSNR", "PSNR_worst", How("scores", PSNR, "worst"), 2, "higher"),
        Measure("Average SSIM", "SSIM_average", How("scores", SSIM), 3, "higher", spread="SSIM_std"),
        Measure("Worst SSIM", "SSIM_worst", How("scores", SSIM, "worst"), 3, "higher"),
    ),
    columns=("dataset", "measure"),
)  # fmt: skip

SHEN_TABLE_11 = Layout(
    "shen2020", "Table 11", "Faces detected, and faces recognised among the nearest 1, 3 and 5 images of the gallery",
    ("Method",), (*INPUTS, *methods(*_BEFORE, *_PAN, *_AFTER)), (CELEBA,),
    (
        Measure("Detection", "detection_success_rate", How("scores", FOUND), 1, "higher", suffix="%", scale=100),
        *(
            Measure(f"Top-{k}", f"recognition_top{k}", How("recognition", str(k)), 1, "higher", suffix="%", scale=100)
            for k in (1, 3, 5)
        ),
    ),
)  # fmt: skip

SHEN_TABLE_12 = Layout(
    "shen2020", "Table 12", "Mean run time of an image, and number of parameters", ("Method",),
    methods(*_BEFORE, *_PAN, *_AFTER), (Dataset("", ""),),
    (
        IMPLEMENTATION,
        Measure("Seconds", "Time", How("seconds"), 2, "lower", condition="*", per_method=True),
        Measure("Parameters", "Parameters", How("parameters"), 1, condition="*", suffix="M", scale=1e-6,
                per_method=True),
        MEGABYTES,
    ),
)  # fmt: skip

SHEN_TABLE_1 = Layout(
    "shen2020",
    "Table 1",
    "Numbers of sharp images, point spread functions and blurred images",
    ("Part", "Data set"),
    (
        Subject("Training", "", "Training", reference=True),
        Subject("Testing", "", "Testing", reference=True),
    ),
    tuple(Dataset(name, name) for name in ("Helen", "CMU PIE", "CelebA", "all")),
    tuple(
        Measure(label, name, How("printed", "numbers of images are those of images.csv and manifest.csv of a set"), 0)
        for label, name in (
            ("Sharp images", "clear_images"),
            ("Point spread functions", "blur_kernels"),
            ("Blurred images", "blurred_images"),
        )
    ),
    rows=("subject", "dataset"),
)

SHEN_TABLE_2 = Layout(
    "shen2020", "Table 2", "Mean PSNR in dB and mean SSIM with and without semantic labels, and their F-score",
    ("Network",), methods("G", "p_GT + G", "P (fixed) + G", "G_c (fixed) + P (fixed) + G_f"), (HELEN,),
    (*QUALITY, Measure("F-score", "F-score", How("labels", "helen11:mean"), 3, "higher")),
)  # fmt: skip

SHEN_TABLE_4 = Layout(
    "shen2020", "Table 4", "Mean PSNR in dB and mean SSIM with and without the structural loss", ("Loss",),
    methods("L_c", "L_c + equal-weight L_s", "L_c + adaptive L_s"), (HELEN, CELEBA), QUALITY,
    columns=("dataset", "measure"),
)  # fmt: skip

SHEN_TABLE_5 = Layout(
    "shen2020", "Table 5", "Mean PSNR in dB and mean SSIM by the order of training", ("Training",),
    methods("G_c", "G_c (fixed) + P (fixed) + G_f", "G_c + P + G_f (fine-tuned)", "G_c + P + G_f (scratch)"),
    (HELEN, CELEBA), QUALITY, columns=("dataset", "measure"),
)  # fmt: skip

SHEN_TABLE_6 = Layout(
    "shen2020", "Table 6", "Mean PSNR in dB and mean SSIM with and without perceptual and adversarial loss", ("Loss",),
    (
        Subject("L_c + L_s", "Ours", "L_VGG=0;L_adv=0"),
        Subject("L_c + L_s + L_VGG", "Ours", "L_VGG=1;L_adv=0"),
        Subject("L_c + L_s + L_VGG + L_adv", "Ours", "L_VGG=1;L_adv=1"),
    ),
    (HELEN, CELEBA), QUALITY, columns=("dataset", "measure"),
)  # fmt: skip

SHEN_TABLE_7 = Layout(
    "shen2020", "Table 7", "Mean PSNR in dB, mean SSIM and parameters by the size of the first convolution",
    ("First convolution",),
    tuple(Subject(size, "Ours", f"first-conv kernel={size}") for size in ("5×5", "9×9", "11×11", "13×13")),
    (HELEN, CELEBA), (*QUALITY, PARAMETERS), columns=("dataset", "measure"),
)  # fmt: skip

SHEN_TABLE_8 = Layout(
    "shen2020", "Table 8", "Mean PSNR in dB, mean SSIM, parameters and run time by the number of fine stages",
    ("Fine stages",),
    tuple(Subject(name, "Ours", f"stages={name}") for name in ("1", "2", "3", "2 (shared)", "3 (shared)")),
    (HELEN, CELEBA),
    (*QUALITY, PARAMETERS, Measure("Seconds", "Time", How("seconds"), 2, "lower", per_method=True)),
    columns=("dataset", "measure"),
)  # fmt: skip

SHEN = (
    SHEN_TABLE_1,
    SHEN_TABLE_2,
    SHEN_TABLE_3,
    SHEN_TABLE_4,
    SHEN_TABLE_5,
    SHEN_TABLE_6,
    SHEN_TABLE_7,
    SHEN_TABLE_8,
    SHEN_TABLE_9,
    SHEN_TABLE_10,
    SHEN_TABLE_11,
    SHEN_TABLE_12,
)
