"""Collections of photographs as their publishers lay them out, opened by one call.

``open_collection("celeba:PATH")`` reads PATH as CelebA; ``open_collection("PATH")`` looks what it is. Other packages
add layouts through the entry-point group ``facedeblur.sources``: classes like `source_lists.Source`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.tables import read_rows, write_rows
from facedeblur.benchmark.registry import Registry
from facedeblur.generators.photos.collection import ROLES, Collection, Photograph, Selection
from facedeblur.generators.photos.lists import Source
from facedeblur.generators.photos.names import canonical, in_order

SOURCES: Registry[type[Source]] = Registry("collection layout", group="facedeblur.sources")
for _name, _place in {
    "folder": "folders:Folder",
    "people": "folders:People",
    "lfw": "folders:LFW",
    "pubfig": "folders:PubFig",
    "london": "folders:London",
    "multipie": "folders:MultiPIE",
    "pie": "folders:PIE",
    "helen": "helen:Helen",
    "celeba": "celeba:CelebA",
    "celebamask": "celeba:CelebAMask",
}.items():
    SOURCES.add(_name, f"facedeblur.generators.photos.{_place}")

# What `auto` tries, layouts with marks of their own first; those of other packages come before the last two.
_ORDER = ("helen", "celebamask", "celeba", "london", "pubfig", "multipie", "pie", "lfw")
_LAST = ("folder", "people")


@dataclass(frozen=True)
class Choice:
    """One photograph of an image list: what it is to be in a set, or why it is in none.

    Attributes
    ----------
    source : str
        Path relative to the collection's root; empty for an identity without photographs.
    identity : str
    role : str
        ``test``, ``train``, ``probe`` or ``gallery``; empty where it is not to be used.
    status : str
        ``ok``, or why it has no role: ``no identity``, ``no photograph``, ``no gallery``, ``too few photographs``,
        ``not chosen``.
    """

    source: str
    identity: str
    role: str
    status: str


def open_collection(spec: str | Path, selection: Selection = Selection()) -> Collection:
    """List the photographs of a collection.

    Parameters
    ----------
    spec : str or path
        ``NAME:PATH`` with the name of a known collection or ``auto``, or only the path, which means ``auto``.
    selection : Selection
        Which photographs are taken.

    Returns
    -------
    Collection
        Its photographs in the order of their paths.

    Raises
    ------
    InputError
        When the folder is not laid out as that collection (with what to download and where to put it), the
        image list names photographs that are missing, or nothing is left.
    """
    name, root = _parse(spec)
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing there"
        do = "give the folder" if name == "auto" else SOURCES.get(name).get
        raise InputError(str(root), expected="a folder of photographs", found=found, do=do)
    return narrowed(SOURCES.get(detect(root) if name == "auto" else name).read(root), selection)


def narrowed(whole: Collection, selection: Selection) -> Collection:
    """Return the collection with the selected photographs only.

    The image list is applied first, then the pattern, the roles and the limit.

    Raises
    ------
    InputError
        When the image list names photographs that are missing, or nothing is left.
    """
    match, roles = selection.match, selection.roles
    kept = whole.photographs if selection.listed is None else _of_list(whole, Path(selection.listed))
    if match:
        kept = tuple(p for p in kept if fnmatchcase(p.source if "/" in match else p.source.split("/")[-1], match))
    if roles:
        kept = tuple(p for p in kept if p.role in roles)
    kept = kept[: selection.limit]
    if not kept:
        counts = Counter(p.role or "none" for p in whole.photographs)
        facts = ", ".join(f"{count:,} {role}" for role, count in sorted(counts.items()))
        asked = [f"match '{match}'" * bool(match), f"role {' or '.join(roles)}" * bool(roles)]
        raise InputError(
            f"{whole.name}: {whole.root}",
            expected="photographs of " + (" and ".join(filter(None, asked)) or "the list"),
            found=f"none among {len(whole.photographs):,} (roles: {facts})", do="choose otherwise",
        )  # fmt: skip
    return replace(whole, photographs=kept, labels=whole.labels if any(p.label for p in kept) else "")


def detect(root: Path) -> str:
    """Name of the first layout that the folder looks like.

    Raises
    ------
    InputError
        When it holds no image.
    """
    plugins = [name for name in SOURCES if name not in (*_ORDER, *_LAST)]
    for name in (*_ORDER, *plugins, *_LAST):
        if SOURCES.get(name).detects(root):
            return name
    raise InputError(str(root), expected="photographs of faces", found="no image", do="give another folder")


def describe(collection: Collection) -> str:
    """One line for the screen: layout, photographs, identities, roles, labels, points and licence."""
    shown = collection.photographs
    people = {photograph.identity for photograph in shown if photograph.identity}
    lone = len(people) == len(shown) > 1
    facts = [f"{len(shown):,} photographs", f"{len(people):,} identities" + " (each photograph its own)" * lone]
    roles = Counter(photograph.role for photograph in shown if photograph.role)
    facts += [f"{roles[role]:,} {role}" for role in ROLES if roles[role]]
    nameless = sum(not photograph.identity for photograph in shown)
    facts += [f"{nameless:,} without identity"] * (nameless > 0)
    facts += [f"{sum(bool(p.label) for p in shown):,} labels ({collection.labels})"] * bool(collection.labels)
    facts += [f"{sum(bool(p.points) for p in shown):,} with points"] * any(p.points for p in shown)
    return f"{collection.name}: {', '.join(facts)}; licence: {collection.licence}"


def write_list(path: str | Path, choices: Iterable[Choice]) -> None:
    """Write an image list as CSV, atomically."""
    write_rows(path, Choice, choices)


def read_list(path: str | Path) -> list[Choice]:
    """Read an image list.

    Raises
    ------
    InputError
        When the file is not there, not such a list, or a role is unknown.
    """
    choices = list(read_rows(path, Choice))
    for choice in choices:
        if choice.role not in ("", *ROLES):
            raise InputError(f"{path}: {choice.source}", expected="a known role", do=suggest(choice.role, ROLES))
    return choices


def _parse(spec: str | Path) -> tuple[str, Path]:
    name, colon, path = str(spec).partition(":")
    if isinstance(spec, Path) or not colon or len(name) == 1 or "/" in name or Path(str(spec)).exists():
        return "auto", Path(spec).expanduser()  # len 1: the letter of a drive
    if name != "auto":
        SOURCES.get(name)
    if not path:
        raise InputError(f"'{spec}'", expected="NAME:FOLDER", found="no folder", do="write the folder behind the colon")
    return name, Path(path).expanduser()


def _of_list(whole: Collection, file: Path) -> tuple[Photograph, ...]:
    by_source: Mapping[str, Photograph] = {canonical(p.source): p for p in whole.photographs}
    choices: dict[str, Choice] = {}
    for choice in read_list(file):
        if choice.status == "ok":
            source = canonical(choice.source)
            if source in choices:
                raise InputError(
                    str(file), expected="each photograph once", found=f"{source} again", do="leave one line"
                )
            choices[source] = choice
    absent = [choice.source for source, choice in choices.items() if source not in by_source]
    if absent:
        raise InputError(
            str(file), expected=f"photographs of {whole.root}",
            found=f"{len(absent):,} of {len(choices):,} missing there, the first {absent[0]}",
            do="give the collection that the list was made of",
        )  # fmt: skip
    kept = [replace(by_source[source], identity=c.identity, role=c.role) for source, c in choices.items()]
    return tuple(sorted(kept, key=lambda photograph: in_order(photograph.source)))
