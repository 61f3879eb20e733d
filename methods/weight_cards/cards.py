"""What is known of published weight files: source, licence, training data and published value, one card each.

The cards are ``cards.toml``. What could not be looked up is empty there, and shown as unknown; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.weights import WEIGHTS, WeightFile, find_weight, sha256_of

PACKAGE = "facedeblur.methods.weight_cards"
FILE = "cards.toml"
USES = {
    "deblurring": "deblurring",
    "restoration": "restoration of faces",
    "recognition": "recognition of faces",
    "detection": "detection of faces and landmarks",
    "parsing": "parsing of faces",
    "metrics": "metrics and losses",
}
"""What weights are for -> heading."""

UNKNOWN = "unknown"
MOST_DIGITS = 64


@dataclass(frozen=True)
class CardFile:
    """A file of a card.

    Attributes
    ----------
    name : str
        Its name, or a pattern where several files are alike.
    sha256 : str
        Hex digits, or the leading ones that the name states; empty if unknown.
    """

    name: str
    sha256: str = ""

    def fits(self, name: str) -> bool:
        """Whether a file of this name could be it; case does not count."""
        return fnmatchcase(name.lower(), self.name.rpartition("/")[2].lower())


@dataclass(frozen=True)
class Card:
    """What is known of the weights of one network; empty where it could not be looked up.

    Attributes
    ----------
    name : str
    use : str
        A key of `USES`.
    belongs_to : str
        The network or face provider here that reads it, or the architecture of a published network.
    source : str
        Address of the project.
    file : tuple of CardFile
    package : tuple of str
        Import name of an installed package that has the files, and the folder inside; empty if no package has them.
    shared_name : bool
        Whether files of other weights have the same name.
    licence, code_licence : str
        Of the weights, and of the code that they are published with.
    trained_on : tuple of str
        Data sets.
    published : str
        Value, set, and where it is printed.
    read_from : tuple of str
        Where these facts were read.
    note : str
    """

    name: str
    use: str
    belongs_to: str
    source: str
    file: tuple[CardFile, ...] = ()
    package: tuple[str, ...] = ()
    shared_name: bool = False
    licence: str = ""
    code_licence: str = ""
    trained_on: tuple[str, ...] = ()
    published: str = ""
    read_from: tuple[str, ...] = ()
    note: str = ""

    @property
    def shown_licence(self) -> str:
        """Licence of the weights, or else of their code, which is said; empty if neither is known."""
        return self.licence or (f"{self.code_licence} (code)" if self.code_licence else "")


@dataclass(frozen=True)
class Found:
    """A file of a card on this machine.

    Attributes
    ----------
    card : Card
    name : str
        Name or pattern of the file; empty if it is unknown.
    path : Path or None
        None if it was not found.
    digest : str
        sha256 (hex) of the file that was found.
    expected : str
        The sha256 of the card, or its leading digits.
    """

    card: Card
    name: str
    path: Path | None = None
    digest: str = ""
    expected: str = ""

    @property
    def hash_state(self) -> str:
        """``agrees`` or ``differs`` of a file that was found; ``known`` or ``unknown`` without one."""
        if not self.expected:
            return UNKNOWN
        if not self.digest:
            return "known"
        return "agrees" if self.digest.startswith(self.expected) else "differs"


@dataclass(frozen=True)
class _File:
    card: tuple[Card, ...]


@cache
def cards() -> tuple[Card, ...]:
    """Every card, in the order of the file.

    Raises
    ------
    InputError
        When a name is given twice, a use is unknown or a hash malformed.
    """
    with as_file(files(PACKAGE) / FILE) as path:
        values, _ = read_toml(path)
    return checked_cards(strict(_File, values, FILE).card)


def checked_cards(found: tuple[Card, ...]) -> tuple[Card, ...]:
    """Return cards that agree with themselves.

    Raises
    ------
    InputError
        When a name is given twice, a use is unknown, a hash is malformed, or no place is given where facts were read.
    """
    names: set[str] = set()
    for card in found:
        where = f"{FILE}, card '{card.name}'"
        one_of(f"{where}: use", card.use, USES)
        if card.name in names:
            raise InputError(where, "the name is given twice")
        names.add(card.name)
        if not card.read_from:
            raise InputError(f"{where}: required key 'read_from' is missing")
        for file in card.file:
            if set(file.sha256) - set("0123456789abcdef") or not (file.sha256 == "" or 8 <= len(file.sha256) <= 64):
                raise InputError(f"{where}: sha256", expected="8 to 64 hex digits", found=file.sha256)
    return found


def card_named(name: str) -> Card:
    """Return the card of this name, or the one with a file of this name; case does not count.

    Raises
    ------
    InputError
        If no card has that name.
    """
    lower = name.lower()
    for card in cards():
        if card.name.lower() == lower or any(file.fits(lower) for file in card.file):
            return card
    named = {card.name: card for card in cards()}
    return named[one_of("weight card", name, named)]


def card_of_hash(sha256: str) -> Card | None:
    """Return the card of the file with this sha256 (hex), or None."""
    known = ((card, file.sha256) for card in cards() for file in card.file if file.sha256)
    return next((card for card, digits in known if sha256.lower().startswith(digits)), None)


def card_of_name(name: str, belongs_to: str) -> Card | None:
    """Return the card that a network's file of this name has by its name alone, or None if the name does not tell.

    A card whose hash is known does not count: a file of its name with another hash is another file.
    """
    for card in cards():
        telling = card.belongs_to == belongs_to and not card.shared_name
        if telling and any(file.fits(name) and len(file.sha256) < MOST_DIGITS for file in card.file):
            return card
    return None


def find_card_files(card: Card) -> list[Found]:
    """Look for the files of a card where facedeblur looks for weights."""
    if not card.file:
        return [Found(card, "")]
    known = WEIGHTS.get(card.belongs_to)
    packages = known.packages if known else ()
    if card.package:
        package, inside = card.package
        packages = (*packages, (package, inside))
    found = []
    for file in card.file:
        path = find_weight(WeightFile(card.name, (file.name,), "", packages, bool(known and known.torch_hub)))
        found.append(Found(card, file.name, path, sha256_of(path) if path else "", file.sha256))
    return found
