"""Tables 3, 9, 10, 11 and 12 of Shen et al., IJCV 2020."""

from __future__ import annotations

from facedeblur.reports.paper_tables.layout import How, Layout, Measure, Place, Subject, methods

PSNR, SSIM, FOUND = "psnr[rgb,255]", "ssim[matlab3d]", "detection[dlib-hog]"
HELEN = Place("Helen", "Helen", collections=("helen",))
CELEBA = Place("CelebA", "CelebA", collections=("celeba",))

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

TABLE_3 = Layout(
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

TABLE_9 = Layout(
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
    rows=("place", "subject"),
)  # fmt: skip

TABLE_10 = Layout(
    "shen2020", "Table 10", "Mean and standard deviation over all images, and worst image, of PSNR in dB and SSIM",
    ("Method",), methods(*_BEFORE, *_PAN, *_AFTER), (HELEN, CELEBA),
    (
        Measure("Average PSNR", "PSNR_average", How("scores", PSNR), 2, "higher", spread="PSNR_std"),
        Measure("Worst PSNR", "PSNR_worst", How("scores", PSNR, "worst"), 2, "higher"),
        Measure("Average SSIM", "SSIM_average", How("scores", SSIM), 3, "higher", spread="SSIM_std"),
        Measure("Worst SSIM", "SSIM_worst", How("scores", SSIM, "worst"), 3, "higher"),
    ),
    columns=("place", "measure"),
)  # fmt: skip

INPUTS = (Subject("Clear images", "Clear images", reference=True),
          Subject("Blurred images", "Blurred images", reference=True))  # fmt: skip

TABLE_11 = Layout(
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

IMPLEMENTATION = Measure("Implementation", "", How("implementation"), 0, placeless=True)
MEGABYTES = Measure("MB at fp32", "", How("megabytes"), 2, placeless=True)
"""Not in the papers, which mix megabytes and parameters up."""

TABLE_12 = Layout(
    "shen2020", "Table 12", "Mean run time of an image, and number of parameters", ("Method",),
    methods(*_BEFORE, *_PAN, *_AFTER), (Place("", ""),),
    (
        IMPLEMENTATION,
        Measure("Seconds", "Time", How("seconds"), 2, "lower", condition="*", placeless=True),
        Measure("Parameters", "Parameters", How("parameters"), 1, condition="*", suffix="M", scale=1e-6,
                placeless=True),
        MEGABYTES,
    ),
)  # fmt: skip

SHEN = (TABLE_3, TABLE_9, TABLE_10, TABLE_11, TABLE_12)
