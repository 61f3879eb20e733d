"""What a card says of a set: counts, how it was made, what it is for, what it shows of people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.words import many
from facedeblur.generators.align.photo import NO_FACE
from facedeblur.reports.cards.licence import Licence, Source

_SIZES = {"n<1K": 1_000, "1K<n<10K": 10_000, "10K<n<100K": 100_000, "100K<n<1M": 1_000_000, "1M<n<10M": 10_000_000}

MAINTENANCE = (
    "The content hash identifies the set. A set with other photographs, parameters or pixels has another content "
    "hash and gets another version."
)

KINDS = {
    "uniform": "one point spread function for the whole image",
    "nonuniform": "camera poses, so the point spread function changes over the image",
    "frames": "mean of successive video frames",
    "real": "real blur, or blur that is not described",
}
"""Kinds of blur, in words."""

BORDERS = {
    "valid": "the photograph itself (valid)",
    "reflect": "the mirrored image (reflect)",
    "replicate": "the last row or column (replicate)",
    "zero": "black (zero)",
    "circular": "the opposite side (circular)",
}
"""What was beyond the edge when an image was blurred, in words."""


def size_category(pairs: int) -> str:
    """Return the size category of the Hub for a number of rows."""
    return next((name for name, most in _SIZES.items() if pairs < most), "10M<n<100M")


@dataclass(frozen=True)
class Publisher:
    """What the set does not know of its publication.

    Attributes
    ----------
    repository : str
        Name on the Hub, ``OWNER/NAME``; empty if it has none yet.
    creators : tuple of str
    date : str
        Day of publication, ``YYYY-MM-DD``; empty if not known.
    release : str
        Version of the published set.
    """

    repository: str = ""
    creators: tuple[str, ...] = ()
    date: str = ""
    release: str = "1.0.0"


@dataclass
class Facts:
    """A set in numbers; `count` takes in its pairs.

    Attributes
    ----------
    of : Set
    licence : Licence
    sources : sequence of Source
    publisher : Publisher
    images : bool
        Whether the pictures are next to the card.
    """

    of: Set
    licence: Licence
    sources: Sequence[Source]
    publisher: Publisher
    images: bool
    faces: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(width, height) of the sharp images -> faces."""
    identities: set[str] = field(default_factory=set)
    roles: Counter[str] = field(default_factory=Counter)
    kernel_sizes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    borders: Counter[str] = field(default_factory=Counter)
    sigmas: Counter[float] = field(default_factory=Counter)
    labelled: int = 0
    gallery: int = 0

    def count(self, image: Image, pairs: Sequence[Pair]) -> None:
        """Take in a face with its pairs."""
        self.faces += 1
        self.sizes[image.width, image.height] += 1
        self.identities.add(image.identity)
        self.roles[image.role] += len(pairs)
        self.labelled += bool(image.label)
        for pair in pairs:
            self.kernel_sizes[pair.kernel_size] += 1
            self.kinds[pair.blur_kind] += 1
            self.borders[pair.border] += 1
            self.sigmas[pair.noise_sigma] += 1

    @property
    def title(self) -> str:
        """Name of the set, with the title of its recipe if that says more."""
        title = str(self.of.info.get("title") or "")
        return self.of.name if not title or title == self.of.name else f"{self.of.name} ({title})"

    @property
    def split(self) -> str:
        """Split of the Hub: ``train`` if all pairs are for training, else ``test``."""
        return "train" if set(self.roles) == {"train"} else "test"

    @property
    def version(self) -> str:
        """Version of facedeblur that made the set; empty if not known."""
        return str(self.of.info.get("packages", {}).get("facedeblur", ""))

    @property
    def summary(self) -> str:
        """What the set is, in a sentence."""
        made = many(self.of.n_pairs, "pair")
        what = f"{made} of a blurred and a sharp face" if self.of.has_sharp else f"{made} without a sharp original"
        kernels = self.of.info["counts"]["kernels"]
        blurred = f", blurred by {many(kernels, 'kernel')}" if kernels else ""
        identities = many(len(self.identities), "identity", "identities")
        return f"{what}: {many(self.faces, 'face')} of {identities}{blurred}."

    @property
    def made_by(self) -> str:
        """The program that made the set, with its version."""
        return f"facedeblur {self.version}".rstrip()

    @property
    def shareable(self) -> bool:
        """Whether no source forbids to pass its photographs on."""
        return all(source.shareable for source in self.sources)


def labelled_by(facts: Facts) -> list[str]:
    """The parsers that made label images which no person drew."""
    found = [re.search(r"pseudo-labels by (\S+)", source.collection) for source in facts.sources]
    return list(dict.fromkeys(one[1] for one in found if one))


def collection(facts: Facts) -> list[str]:
    """How the photographs came together, one sentence each."""
    lines = [f"The photographs are from: {source.collection} (licence: {source.stated})." for source in facts.sources]
    counts = facts.of.info["counts"]
    if lost := counts["photographs"] - counts["images"]:
        were = "was" if lost == 1 else "were"
        lines.append(
            f"{many(lost, 'photograph')} of {counts['photographs']:,} {were} left out, "
            "most often because no usable face was found; images.csv has the reasons."
        )
    return lines


def preparation(facts: Facts) -> list[str]:
    """What was done to the photographs, one sentence each."""
    sizes = ", ".join(f"{width}x{height}" for width, height in sorted(facts.sizes))
    lines = [f"The images are {sizes} pixels, 8-bit sRGB."]
    for kind in sorted(facts.kinds):
        lines.append(f"Blur: {KINDS.get(kind, kind)} ({many(facts.kinds[kind], 'pair')}).")
    if sides := [side for side in sorted(facts.kernel_sizes) if side]:
        lines.append(f"Kernels have sides of {', '.join(map(str, sides))} pixels.")
    borders = [border for border in sorted(facts.borders) if border]
    if borders and set(facts.kinds) - {"real", "frames"}:
        lines.append(f"Beyond the edge of an image was {' or '.join(BORDERS.get(one, one) for one in borders)}.")
    if sigmas := [sigma for sigma in sorted(facts.sigmas) if sigma]:
        told = ", ".join(f"{sigma:g}" for sigma in sigmas)
        lines.append(f"Noise of standard deviation {told} was added to intensities in [0, 1].")
    if facts.labelled:
        lines.append(
            f"{many(facts.labelled, 'face')} {'has' if facts.labelled == 1 else 'have'} a label image "
            f"with {len(HELEN)} classes: {', '.join(HELEN)}."
        )
        if tools := labelled_by(facts):
            lines.append(f"Label images are the output of a parser, not drawn by people: {', '.join(tools)}.")
    lines.append(f"The set was made by {facts.made_by}, seed {facts.of.info['seed']}.")
    return lines


def uses(facts: Facts) -> list[str]:
    """What the set is for, one sentence each."""
    if facts.split == "train":
        return ["Training of methods that remove blur from images of faces."]
    lines = ["Comparison of methods that remove blur from images of faces."]
    if facts.of.has_kernels:
        lines.append("Comparison of estimated blur kernels with the true ones, which are in kernels.npz.")
    return lines


def limits(facts: Facts) -> list[str]:
    """What the set cannot show, one sentence each."""
    lines = []
    if set(facts.kinds) <= {"uniform", "nonuniform"}:
        lines.append("The blur is synthetic: results need not hold for photographs that were blurred by a camera.")
    if facts.faces < 30 or len(facts.identities) < 30:
        lines.append(
            f"{many(facts.faces, 'face')} of {many(len(facts.identities), 'identity', 'identities')} are few: "
            "differences between methods may not hold for other faces."
        )
    lines.append("Do not use it to train or evaluate the identification of people who did not agree to that.")
    if facts.split == "test":
        lines.append("Do not train on it, and do not choose options of a method by its scores.")
    return lines


def biases(facts: Facts) -> list[str]:
    """Which people the set shows, as far as it is known, one sentence each."""
    lines = ["Age, sex, skin colour and pose are distributed as in the photographs named above."]
    if any(image.status == NO_FACE for image in facts.of.images.values()):
        lines.append(
            "Photographs without a detectable face are missing, which may concern some groups more than others."
        )
    return lines


def personal(facts: Facts) -> list[str]:
    """What the set tells about people, one sentence each."""
    lines = ["The images show faces. Faces of real people are biometric data in many jurisdictions."]
    lines.append("The column identity says whose face it is, in the words of the collection.")
    if facts.of.info.get("traits"):
        lines.append("traits.csv says more of the faces, as their collection does.")
    return lines
