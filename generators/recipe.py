"""Recipes: how a set is made, as data. One TOML file each, read strictly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.generators.blur.convolve import BORDERS
from facedeblur.generators.blur.degrade import ROUNDINGS
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.blur.poses import PoseModel
from facedeblur.generators.kernels.bank import parse_sizes
from facedeblur.generators.kernels.boracchi_foi import STANDARD, KernelModel
from facedeblur.generators.kernels.given import PARTS, GivenKernels
from facedeblur.generators.kernels.law import KernelLaw
from facedeblur.generators.kernels.spline import SplineModel
from facedeblur.generators.packaged.faces import NAME, PACKAGES
from facedeblur.generators.pairs.augment import LAWS
from facedeblur.generators.photos.lists import ROLES
from facedeblur.generators.photos.opening import COLLECTIONS, Photos

if TYPE_CHECKING:
    from facedeblur.generators.crops import Crops

PACKAGE = "facedeblur.generators.recipes"
OF_FILES = ("normalise", "pad", "trim", "train_share", "part")
"""Keys of ``[kernels]`` that only kernels from a file have."""
KINDS = ("uniform", "nonuniform", "frames", "real", "given")


@dataclass(frozen=True)
class ImageSpec:
    """The sharp images: alignment template, and how many photographs the paper uses (0: all)."""

    template: str
    count: int = 0


@dataclass(frozen=True)
class FacesSpec:
    """Where the sharp faces are from, if the recipe says so.

    Attributes
    ----------
    package : tuple of str
        Faces that come with the package (`facedeblur.generators.packaged.faces.PACKAGES`); no others are taken then.
    collection, role : str
        Only photographs of this collection, and with this role, are taken.
    """

    package: tuple[str, ...] = ()
    collection: str = ""
    role: str = ""


@dataclass(frozen=True)
class KernelSpec:
    """The point spread functions: drawn from a law, or read from a file.

    Attributes
    ----------
    sizes : str
        ``first:last:step``, last included, or a comma list; pixels. Of a file all sizes if empty.
    per_size : int
        Kernels of each size; of a file all if 0.
    first : int
        Index of the first kernel of each size; training and test sets use ranges that do not overlap.
    per_image : int
        Kernels that a built set blurs each photograph with, drawn from all by (seed, photograph); 0 for all of them.
    draw : {'trajectory', 'spline'}
        Boracchi and Foi's random walk, or Chakrabarti's spline.
    model, spline
        Parameters of the two.
    from_ : str
        The key ``from``: a file or folder of kernels that `facedeblur.generators.kernels.files.read_bank` reads,
        relative to the folder of the recipe. Kernel number i of a size is the i-th of this size there.
    normalise, pad, trim, train_share, part
        How the file is read and divided, see `facedeblur.generators.kernels.given.GivenKernels`.
    """

    sizes: str = ""
    per_size: int = 0
    first: int = 0
    per_image: int = 0
    draw: str = "trajectory"
    model: KernelModel = STANDARD
    spline: SplineModel = SplineModel()  # noqa: RUF009
    from_: str = ""
    normalise: bool = False
    pad: bool = False
    trim: bool = False
    train_share: float = 0.0
    part: str = ""

    @property
    def law(self) -> KernelLaw:
        """The law that `draw` names, or the kernels of the file, which is read here.

        Raises
        ------
        InputError
            When the file cannot be read.
        """
        if self.from_:
            return GivenKernels.read(self.from_, **{key: getattr(self, key) for key in OF_FILES})
        return {"trajectory": self.model, "spline": self.spline}[self.draw]

    def sides(self, law: KernelLaw) -> tuple[int, ...]:
        """The sizes of the kernels of `law`, in pixels."""
        return law.sizes if isinstance(law, GivenKernels) and not self.sizes else parse_sizes(self.sizes)


@dataclass(frozen=True)
class PoseSpec:
    """Camera paths for non-uniform blur: how many per image, and how they are drawn."""

    per_image: int
    model: PoseModel = PoseModel()  # noqa: RUF009


@dataclass(frozen=True)
class AveragingSpec:
    """How frames of videos are averaged, and which are not; see `facedeblur.generators.video.spec.FrameSpec`.

    Attributes
    ----------
    length : int or 'all'
        Frames averaged, at least 2; with ``all`` every video is one sequence, and all its frames are averaged.
    stride : int
        Frames from the start of one window to the start of the next; 0 for `length`.
    middle : {'later', 'earlier'}
        Sharp image: of the two frames in the middle of an even number the one that is named here.
    gamma : float
        Exponent of the linearisation: 1 averages coded values, 2.2 averages light,
        ``(mean I^2.2)^(1/2.2)``.
    face : {'still', 'following'}
        Use the crop of the middle frame for all, or align every frame.
    min_difference : int
        Grey levels by which each frame must differ from the one before, in some sample; 0 accepts identical frames.
    repeat : float
        Frames that change by less than this share of the median change are repeated ones; see `windows.fault`.
    repeated : {'reject', 'drop'}
        Reject windows with repeated frames, or leave these frames out.
    min_motion : float
        Half of the frames must lie at least so far from the middle one: median optical flow of the face, in pixels of
        the video.
    min_flow : float
        Smallest median optical flow of the face between neighbouring frames, in pixels of the video.
    min_overlap : float
        The boxes of the face in the first and the last frame must overlap more than this (intersection over union).
    max_cut, max_jitter : float
        Limits for shot cuts and uneven timing; see `windows.fault`.
    cuts : {'reject', 'split'}
        Reject windows with a shot cut or, with length ``all``, take each shot as a sequence.
    train_share : float
        Probability that an identity is used for training; its rows then have the role ``train``, the others ``test``.
        0 makes no such split.
    """

    length: int | str
    stride: int = 0
    middle: str = "later"
    gamma: float = 1.0
    face: str = "still"
    min_difference: int = 1
    repeat: float = 0.1
    repeated: str = "reject"
    min_motion: float = 0.1
    min_flow: float = 0.0
    min_overlap: float = 0.0
    max_cut: float = 0.1
    cuts: str = "reject"
    max_jitter: float = 0.25
    train_share: float = 0.0


@dataclass(frozen=True)
class BlurSpec:
    """What is beyond the edge of a sharp image when it is blurred; `fallback` where the photograph ends."""

    border: str
    fallback: str


@dataclass(frozen=True)
class SaturationSpec:
    """Factor by which the luma of the blurred image is multiplied before it is clipped."""

    gain: float


@dataclass(frozen=True)
class SplitSpec:
    """Probe and gallery: one photograph of each person is blurred, others make the gallery."""

    gallery: int


@dataclass(frozen=True)
class OutputSpec:
    """How values become 8 bits: ``round`` (half up) or ``truncate``."""

    rounding: str


@dataclass(frozen=True)
class Assumption:
    """A choice that the paper leaves open: the key that it sets, and the reason."""

    key: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a set, except the photographs and the seed.

    Attributes
    ----------
    kind : {'uniform', 'nonuniform', 'frames', 'real', 'given'}
        How images are blurred: by a kernel; by a camera path; by averaging video frames; not at all, because the
        photographs are blurred already; or the set comes with its blurred pictures.
    layout : str
        Of a set that comes blurred: the layout that it is read as (`facedeblur.generators.given.layout.LAYOUTS`); empty
        for the one that the user names.
    every_sharp : bool
        Of a set that comes blurred: keep every sharp image of photographs that have several, not only the nearest one.
    virtual : bool
        True for training sets that are too large to store; their pairs are made on request.
    augment : str
        Augmentation of a virtual set: ``shen``, ``lin``, ``mspl`` or none.
    """

    name: str
    title: str
    source: str
    image: ImageSpec
    kind: str = "uniform"
    layout: str = ""
    every_sharp: bool = False
    virtual: bool = False
    augment: str = ""
    faces: FacesSpec | None = None
    kernels: KernelSpec | None = None
    poses: PoseSpec | None = None
    frames: AveragingSpec | None = None
    blur: BlurSpec = BlurSpec("valid", "reflect")
    noise: Noise = Noise(0.0)  # noqa: RUF009
    saturation: SaturationSpec | None = None
    split: SplitSpec | None = None
    output: OutputSpec = OutputSpec("round")
    assumption: tuple[Assumption, ...] = ()


def recipes() -> list[str]:
    """Names of the recipes that ship with the package."""
    return shipped(PACKAGE)


def load_recipe(name: str | Path) -> tuple[Recipe, str]:
    """Load a recipe by its name, or from the user's own TOML file.

    Returns
    -------
    recipe : Recipe
    text : str
        The file verbatim, for the record.

    Raises
    ------
    InputError
        When the name is unknown, a key is unknown (with a suggestion), missing, of another
        type, or out of its range.
    """
    values, text, where = read_named(name, PACKAGE, "recipe")
    recipe = strict(Recipe, values, where)
    one_of(f"{where}: kind", recipe.kind, KINDS)
    one_of(f"{where}: blur.border", recipe.blur.border, BORDERS)
    one_of(f"{where}: blur.fallback", recipe.blur.fallback, BORDERS[1:])
    one_of(f"{where}: output.rounding", recipe.output.rounding, (*ROUNDINGS,))
    one_of(f"{where}: augment", recipe.augment, ("", *LAWS))
    if (recipe.layout or recipe.every_sharp) and recipe.kind != "given":
        raise InputError(f"{where}: layout", "is for sets that come blurred (kind 'given')", do="remove the key")
    needed = {"uniform": "kernels", "nonuniform": "poses", "frames": "frames"}
    for kind, table in needed.items():
        if (getattr(recipe, table) is not None) != (kind == recipe.kind):
            expected = f"table [{table}] if and only if kind is '{kind}'"
            raise InputError(f"{where}: kind '{recipe.kind}'", expected=expected, do="add or remove the table")
    faces = recipe.faces or FacesSpec()
    for name in faces.package:
        one_of(f"{where}: faces.package", name, PACKAGES)
    if faces.collection:
        COLLECTIONS.get(faces.collection)
        one_of(f"{where}: faces.role", faces.role, ("", *ROLES))
    if bool(faces.collection) < bool(faces.role) or (faces.package and faces.collection):
        expected = "package, or collection with or without role"
        raise InputError(f"{where}: faces", expected=expected, found="another combination", do="remove a key")
    if recipe.kernels:
        one_of(f"{where}: kernels.draw", recipe.kernels.draw, ("trajectory", "spline"))
        spec = _kernels(recipe.kernels, set(values["kernels"]), where, name)
        recipe = replace(recipe, kernels=spec)
        _at_least(spec.first, 0, f"{where}: kernels.first")
        _at_least(spec.per_image, 0, f"{where}: kernels.per_image")
    if recipe.poses:
        _at_least(recipe.poses.per_image, 1, f"{where}: poses.per_image")
    if recipe.split:
        _at_least(recipe.split.gallery, 1, f"{where}: split.gallery")
    if recipe.saturation and recipe.saturation.gain <= 0:
        raise InputError(f"{where}: saturation.gain", expected="a positive factor", found=f"{recipe.saturation.gain}")
    return recipe, text


def _kernels(spec: KernelSpec, keys: set[str], where: str, recipe: str | Path) -> KernelSpec:
    """Check which keys come together; the file is found from the folder of the recipe."""
    for key in [key for key in ("sizes", "per_size") if key not in keys and not spec.from_]:
        raise InputError(f"{where}: required key 'kernels.{key}' is missing")
    others = OF_FILES if not spec.from_ else ("draw", "model", "spline")
    for key in [key for key in others if key in keys]:
        do = "remove the key" if spec.from_ else "name the file (kernels.from), or remove the key"
        what = "the kernels come from a file" if spec.from_ else "is for kernels from a file"
        raise InputError(f"{where}: kernels.{key}", what, do=do)
    _at_least(spec.per_size, 0 if spec.from_ else 1, f"{where}: kernels.per_size")
    if spec.part:
        one_of(f"{where}: kernels.part", spec.part, PARTS)
    if spec.from_:
        return replace(spec, from_=str(Path(recipe).parent / spec.from_))
    return spec


def faces_for(recipe: Recipe, given: Photos | None) -> Photos:
    """The photographs that a recipe is used with: `given`, or those that come with the package.

    Raises
    ------
    InputError
        When photographs are given for a recipe that has its own.
    """
    own = [f"{NAME}:{name}" for name in (recipe.faces.package if recipe.faces else ())]
    if not own:
        return () if given is None else given
    if given is not None and given != ():
        raise InputError(
            f"recipe '{recipe.name}'", "has its own faces",
            do="leave out the photographs, or choose another recipe for them",
        )  # fmt: skip
    return own


def check_faces(recipe: Recipe, crops: Crops) -> None:
    """Raise InputError if a face is of another collection or role than the recipe takes.

    Faces that are in both a test set and a training set are found by this.
    """
    wanted = recipe.faces or FacesSpec()
    others = [name for name, _ in crops.origins if wanted.collection and name != wanted.collection]
    wrong = [image for image in crops.images if image.ok and wanted.role and image.role != wanted.role]
    if not others and not wrong:
        return
    told = f"role {wanted.role}" * bool(wanted.role)
    found = (
        f"the collection {others[0]}"
        if others
        else f"{len(wrong):,} photographs with another role ({wrong[0].source}, ...)"
    )
    raise InputError(
        f"recipe '{recipe.name}'",
        expected=f"photographs of {wanted.collection}" + f" with {told}" * bool(told),
        found=found,
        do=f"write {wanted.collection}:FOLDER" + f",{wanted.role}" * bool(told),
    )


def _at_least(value: int, least: int, where: str) -> None:
    if value < least:
        raise InputError(where, expected=f"at least {least}", found=f"{value}")
