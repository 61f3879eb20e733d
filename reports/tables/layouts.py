"""How the papers lay out their tables: SHEN 2020, UMSN, LIN 2020, DFPGnet, ANAND, and one for Levin's set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facedeblur.benchmark.options import one_of


@dataclass(frozen=True)
class Subject:
    """What is compared: a method, or a kind of image that a parser is given.

    Attributes
    ----------
    label : str
        As the paper prints it.
    method, condition : str
        Of its printed values.
    reference : bool
        True for what only shows the scale, the clear images for instance: it enters no ranking.
    """

    label: str
    method: str
    condition: str = ""
    reference: bool = False


def methods(*names: str) -> tuple[Subject, ...]:
    """Methods whose printed values stand under the names that they are shown by."""
    return tuple(Subject(name, name) for name in names)


@dataclass(frozen=True)
class Dataset:
    """A set of images, as the paper calls it.

    Attributes
    ----------
    label : str
    name, condition : str
        Of its printed values.
    collections, recipes : tuple of str
        A measured set counts as this data set when its photographs are of one of these collections, or it
        was made by one of these recipes.
    set_hash : str
        Content hash of the paper's own set where it is known; only values of that very set are ranked with the
        printed ones.
    """

    label: str
    name: str = ""
    condition: str = ""
    collections: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    set_hash: str = ""


@dataclass(frozen=True)
class How:
    """How a measured value is obtained.

    Attributes
    ----------
    kind : {'scores', 'recognition', 'parsing', 'error-ratio', 'seconds', 'parameters', 'megabytes', 'implementation'}
    name : str
        The metric (``ssim[matlab3d]``), the number of nearest images (``3``), or partition and group
        (``umsn4:hair``, ``helen11:mean``).
    part : {'mean', 'worst'}
    kernel_size : int
        Only pairs blurred by kernels of that size; 0 for all.
    """

    kind: str
    name: str = ""
    part: str = "mean"
    kernel_size: int = 0


@dataclass(frozen=True)
class Measure:
    """A column of numbers (or a row, where the paper lays it out so).

    Attributes
    ----------
    label, group : str
        Its heading, and the one above that it shares with its neighbours.
    metric, condition : str
        Of its printed values. No metric: the paper does not have it. A condition of ``*`` is any.
    how : How
    decimals : int
        Digits behind the point of measured values: as many as the paper prints.
    better : {'higher', 'lower', ''}
        Which way is good; empty where no ranking is meant.
    spread : str
        The metric printed behind a plus-minus sign.
    suffix : str
        Behind each value: ``%``, or ``M`` for millions (``K`` below).
    scale : float
        What a value in its unit is multiplied by to be shown: 100 for per cent.
    per_method : bool
        True for what depends on the method alone, not on the images.
    stated : str
        Signature of the definition that the paper states; empty where it states none.
    """

    label: str
    metric: str
    how: How
    decimals: int
    better: str = ""
    group: str = ""
    condition: str = ""
    spread: str = ""
    suffix: str = ""
    scale: float = 1.0
    per_method: bool = False
    stated: str = ""


@dataclass(frozen=True)
class Layout:
    """A paper's table.

    Attributes
    ----------
    document, table : str
        Its printed values: ``shen2020``, ``Table 10``.
    caption : str
        What it shows, in our words.
    stub : tuple of str
        Headings of the columns of labels, one per axis of `rows` (the panels' axis excepted).
    subjects : tuple of Subject
    datasets : tuple of Dataset
        A table of one data set shows every measured set in it.
    measures : tuple of Measure
    rows, columns : tuple of str
        The axes, the outermost first; the data set is left out where there is one only.
    """

    document: str
    table: str
    caption: str
    stub: tuple[str, ...]
    subjects: tuple[Subject, ...]
    datasets: tuple[Dataset, ...]
    measures: tuple[Measure, ...]
    rows: tuple[str, ...] = ("subject",)
    columns: tuple[str, ...] = ("measure",)

    @property
    def number(self) -> str:
        """``10`` or ``IV``."""
        return self.table.removeprefix("Table ")

    @property
    def name(self) -> str:
        """For a file or a label: ``shen2020_table10``."""
        return f"{self.document}_table{self.number}"

    @property
    def panels(self) -> bool:
        """True if rows are grouped in panels, one per data set, each with a heading."""
        return self.rows == ("dataset", "subject")


PSNR, SSIM, FOUND = "psnr[rgb,255]", "ssim[matlab3d]", "detection[dlib-hog]"
HELEN = Dataset("Helen", "Helen", collections=("helen",))
CELEBA = Dataset("CelebA", "CelebA", collections=("celeba",))

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

INPUTS = (Subject("Clear images", "Clear images", reference=True),
          Subject("Blurred images", "Blurred images", reference=True))  # fmt: skip

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

IMPLEMENTATION = Measure("Implementation", "", How("implementation"), 0, per_method=True)
MEGABYTES = Measure("MB at fp32", "", How("megabytes"), 2, per_method=True)
"""Not in the papers, which mix megabytes and parameters up."""

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

SHEN = (SHEN_TABLE_3, SHEN_TABLE_9, SHEN_TABLE_10, SHEN_TABLE_11, SHEN_TABLE_12)


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
    (HELEN, CELEBA),
    (
        Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
        Measure("SSIM", "SSIM", How("scores", SSIM), 3, "higher"),
    ),
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

UMSN = (TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5)


LIN = (
    Layout(
        "lin2020", "Table 1", "Mean PSNR in dB, mean SSIM, and mean run time of an image in seconds",
        ("Dataset", "Criterion"),
        methods("Pan (2016)", "Xu (2018)", "Pan (2014)", "Tao (2018)", "Kupyn (2018)", "Shen (2018)", "Ours"),
        (
            Dataset("MultiPIE", "MultiPIE", collections=("multipie", "pie")),
            HELEN,
            CELEBA,
            Dataset("PubFig", "PubFig", collections=("pubfig",)),
        ),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim[perchannel]"), 3, "higher"),
            Measure("Time (s)", "Time", How("seconds"), 3, "lower", condition="*", per_method=True),
        ),
        rows=("dataset", "measure"), columns=("subject",),
    ),
)  # fmt: skip

DFPGNET = (
    Layout(
        "dfpgnet", "Table 5", "Mean PSNR in dB and mean SSIM", ("Method",),
        methods("VGGFace Encoder", "DFPG-B(ours)"),
        (
            Dataset("MSPL-Center", "MSPL-Center", recipes=("mspl-center",)),
            Dataset("Shen", "Shen", recipes=("shen2020",)),
        ),
        (
            Measure("PSNR", "PSNR", How("scores", PSNR), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", SSIM), 3, "higher"),
        ),
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


_METHODS = (
    "Krishnan et al.", "Cho & Lee", "Levin et al.", "Xu & Jia", "Sun et al.", "Zuo et al.", "Pan-DCP", "SRN", "MPRNet",
    "Restormer", "BlindDPS", "SelfDeblur", "MCEM", "VDIP", "Ours",
)  # fmt: skip

LEVIN = (
    Layout(
        "zhang2024", "Table 11", "Mean PSNR in dB, mean SSIM and mean error ratio on the images of Levin et al. 2009",
        ("Method",),
        (Subject("known k", "known k", reference=True), *methods(*_METHODS)),
        (Dataset("Levin", "Levin", recipes=("levin2009",)),),
        (
            Measure("PSNR", "PSNR", How("scores", "psnr-shift"), 2, "higher"),
            Measure("SSIM", "SSIM", How("scores", "ssim-shift"), 3, "higher"),
            Measure("Error ratio", "error ratio", How("error-ratio"), 3, "lower"),
        ),
    ),
)  # fmt: skip

PAPERS: Mapping[str, tuple[Layout, ...]] = {
    "shen2020": SHEN, "umsn": UMSN, "lin2020": LIN, "dfpgnet": DFPGNET, "anand": ANAND, "levin2009": LEVIN,
}  # fmt: skip
"""Paper -> its tables."""

_ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V"}


def layouts(protocol: str, numbers: Sequence[str] | str = ()) -> tuple[Layout, ...]:
    """The tables of a paper, or those of them with this number or these (``10``, ``IV``, ``4`` for ``IV``).

    Raises
    ------
    InputError
        When there is no such paper or table.
    """
    one_of("paper", protocol, PAPERS)
    by_number = {layout.number: layout for layout in PAPERS[protocol]}
    chosen = []
    for number in [numbers] if isinstance(numbers, str) else map(str, numbers):
        wanted = number.removeprefix("Table ").upper()
        if wanted not in by_number and wanted.isdigit():
            wanted = _ROMAN.get(int(wanted), wanted)
        chosen.append(by_number[one_of("table", wanted, by_number, of=protocol)])
    return tuple(dict.fromkeys(chosen)) if chosen else PAPERS[protocol]
