"""Collections of photographs: identity, role, landmarks and labels of each photograph, and the known layouts.

``open_collection("celeba:PATH")`` reads PATH as CelebA; ``open_collection("PATH")`` recognises the collection. Other
packages add collections through the entry-point group ``facedeblur.collections``: classes like `KnownCollection`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar, Protocol

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import SUFFIXES, list_images
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.registry import Registry
from facedeblur.generators.photos.files import (
    canonical,
    composed,
    folders_in,
    identity_of,
    in_order,
    photographs_in,
    suffix,
)
from facedeblur.generators.photos.lists import ROLES, Choice, read_list

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Photograph:
    """One photograph of a collection.

    Attributes
    ----------
    source : str
        Path relative to the collection's root, forward slashes.
    identity : str
        The person it shows.
    role : str
        ``test``, ``train``, ``probe`` or ``gallery`` if the publisher states it, else empty.
    label : str
        Path of the label image relative to the root, or empty; `Collection.labels` says what its values mean.
    points : tuple of float
        Ten numbers: x and y of left eye, right eye, nose, left and right corner of the mouth, in pixels of the
        photograph; empty if the publisher does not give them.
    """

    source: str
    identity: str
    role: str = ""
    label: str = ""
    points: tuple[float, ...] = ()


@dataclass(frozen=True)
class Collection:
    """Photographs in a folder, in order of their source.

    Attributes
    ----------
    name : str
        Which known collection it is: ``lfw``, ``celeba``, ``folder``, ...
    root : Path
    licence : str
        As the publisher states it, or ``not stated``.
    labels : str
        The class list of the label images: ``helen11``, ``celebamask19``, or empty if absent.
    photographs : tuple of Photograph
    by_folder : bool
        True if every person has a folder, so that a folder without photographs is a person without any.
    """

    name: str
    root: Path
    licence: str
    labels: str
    photographs: tuple[Photograph, ...]
    by_folder: bool = False

    @classmethod
    def of(
        cls,
        name: str,
        root: Path,
        licence: str,
        people: Mapping[str, str],
        *,
        roles: Mapping[str, str] | None = None,
        labels: str = "",
        label_of: Mapping[str, str] | None = None,
        points: Mapping[str, tuple[float, ...]] | None = None,
        by_folder: bool = False,
    ) -> Collection:
        """Put a collection together.

        Parameters
        ----------
        name, root, licence, labels, by_folder
            As the attributes.
        people : mapping of str to str
            Identity by source, in the order of the photographs; empty where it is not known.
        roles, label_of, points : mapping, optional
            The other fields of `Photograph` by source, where they are known.
        """
        roles, label_of, points = roles or {}, label_of or {}, points or {}
        listed = tuple(
            Photograph(
                source, composed(person), roles.get(source, ""), label_of.get(source, ""), points.get(source, ())
            )
            for source, person in people.items()
        )
        return cls(name, root, licence, labels if any(item.label for item in listed) else "", listed, by_folder)

    def select(self, selection: Selection) -> Collection:
        """Return the collection with the selected photographs only.

        The image list is applied first, then the pattern, the roles and the limit.

        Raises
        ------
        InputError
            When the image list names photographs that are missing, or nothing is left.
        """
        match, roles = selection.match, selection.roles
        kept = self.photographs if selection.listed is None else self._listed(Path(selection.listed))
        if match:
            kept = tuple(p for p in kept if fnmatchcase(p.source if "/" in match else p.source.split("/")[-1], match))
        if roles:
            kept = tuple(p for p in kept if p.role in roles)
        kept = kept[: selection.limit]
        if not kept:
            counts = Counter(p.role or "none" for p in self.photographs)
            facts = ", ".join(f"{count:,} {role}" for role, count in sorted(counts.items()))
            asked = [f"match '{match}'" * bool(match), f"role {' or '.join(roles)}" * bool(roles)]
            raise InputError(
                f"{self.name}: {self.root}",
                expected="photographs of " + (" and ".join(filter(None, asked)) or "the list"),
                found=f"none among {len(self.photographs):,} (roles: {facts})", do="choose others",
            )  # fmt: skip
        return replace(self, photographs=kept, labels=self.labels if any(p.label for p in kept) else "")

    def _listed(self, file: Path) -> tuple[Photograph, ...]:
        by_source: Mapping[str, Photograph] = {canonical(p.source): p for p in self.photographs}
        choices: dict[str, Choice] = {}
        for choice in read_list(file):
            if choice.status == "ok":
                source = canonical(choice.source)
                if source in choices:
                    raise InputError(str(file), f"photograph '{source}' is listed twice", do="remove one of the lines")
                choices[source] = choice
        absent = [choice.source for source, choice in choices.items() if source not in by_source]
        if absent:
            raise InputError(
                str(file), f"{len(absent):,} of {len(choices):,} photographs are not in {self.root} ({absent[0]}, ...)",
                do="give the collection that the list was made from",
            )  # fmt: skip
        kept = [replace(by_source[source], identity=c.identity, role=c.role) for source, c in choices.items()]
        return tuple(sorted(kept, key=lambda photograph: in_order(photograph.source)))

    def images(self) -> Collection:
        """Return the collection with those entries only that are image files by their suffix."""
        return replace(self, photographs=tuple(p for p in self.photographs if suffix(p.source) in SUFFIXES))

    def empty_folders(self) -> list[str]:
        """Paths of people's folders that hold no image file; none where people have no folders.

        A folder whose photographs were not selected is not empty.
        """
        if not self.by_folder:
            return []
        full = {parent for item in self.photographs for parent in _parents(item.source)}
        bottom = Counter(item.source.count("/") for item in self.photographs)
        depth = max(bottom, key=lambda level: bottom[level]) if bottom else 1
        folders = (path.relative_to(self.root) for path in self.root.glob("/".join("*" * max(depth, 1))))
        seen = (path for path in folders if not any(part.startswith(".") for part in path.parts))
        return sorted(p.as_posix() for p in seen if p.as_posix() not in full and _has_no_image(self.root / p))

    def describe(self) -> str:
        """Return a line for the screen: name, photographs, identities, roles, labels, points and licence."""
        shown = self.photographs
        people = {photograph.identity for photograph in shown if photograph.identity}
        lone = len(people) == len(shown) > 1
        facts = [f"{len(shown):,} photographs", f"{len(people):,} identities" + " (each photograph its own)" * lone]
        roles = Counter(photograph.role for photograph in shown if photograph.role)
        facts += [f"{roles[role]:,} {role}" for role in ROLES if roles[role]]
        nameless = sum(not photograph.identity for photograph in shown)
        facts += [f"{nameless:,} without identity"] * (nameless > 0)
        facts += [f"{sum(bool(p.label) for p in shown):,} labels ({self.labels})"] * bool(self.labels)
        facts += [f"{sum(bool(p.points) for p in shown):,} with points"] * any(p.points for p in shown)
        return f"{self.name}: {', '.join(facts)}; licence: {self.licence}"


def _has_no_image(folder: Path) -> bool:
    return folder.is_dir() and not any(file.suffix.lower() in SUFFIXES for file in folder.rglob("*"))


def _parents(source: str) -> list[str]:
    parts = source.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


@dataclass(frozen=True)
class Selection:
    """Which photographs of a collection are taken; by default all.

    Attributes
    ----------
    match : str
        Pattern (``*``, ``?``, ``[...]``) of the file's name, or of the whole path if it contains a slash.
    roles : tuple of str
        Roles, as the publisher or the image list states them.
    limit : int, optional
        Largest number of photographs, the first by path.
    listed : path, optional
        Image list (see `Choice`): its photographs, with the identity and role given there.

    Raises
    ------
    InputError
        When a role is not known or the limit is below 1.
    """

    match: str = ""
    roles: tuple[str, ...] = ()
    limit: int | None = None
    listed: str | Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(self.roles))
        for role in self.roles:
            one_of("role", role, ROLES)
        if self.limit is not None and self.limit < 1:
            raise InputError("limit", expected="at least 1", found=str(self.limit), do="choose another number")

    @property
    def everything(self) -> bool:
        """True if no photograph is left out."""
        return not (self.match or self.roles or self.listed) and self.limit is None


class KnownCollection(Protocol):
    """How one published collection is laid out; a class that is never instantiated.

    Its docstring is what ``facedeblur list collections`` shows.

    Attributes
    ----------
    licence : str
        As its publisher states it.
    get : str
        One line: what to download and where to put it.
    """

    licence: ClassVar[str]
    get: ClassVar[str]

    @classmethod
    def detects(cls, root: Path) -> bool:
        """Return quickly whether the folder looks like this collection."""
        ...

    @classmethod
    def read(cls, root: Path) -> Collection:
        """List the photographs below `root`; InputError with `get` if the folder is laid out otherwise."""
        ...


def refuse(name: str, root: Path, expected: str, found: str, get: str) -> InputError:
    """Return the error of a folder that does not have the layout of its collection."""
    return InputError(f"{name}: {root}", expected=expected, found=found, do=get)


# In the order in which they are recognised; collections of other packages come before the last two.
_KNOWN = {
    "helen": "helen:Helen",
    "celebamask": "celeba:CelebAMask",
    "celeba": "celeba:CelebA",
    "london": "london:London",
    "pubfig": "pubfig:PubFig",
    "multipie": "pie:MultiPIE",
    "pie": "pie:PIE",
    "lfw": "lfw:LFW",
    "folder": "folders:Folder",
    "people": "folders:People",
}
COLLECTIONS: Registry[type[KnownCollection]] = Registry("collection", group="facedeblur.collections")
for _name, _place in _KNOWN.items():
    COLLECTIONS.add(_name, f"facedeblur.generators.photos.collections.{_place}")


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
        if root.exists():
            raise InputError(str(root), expected="a folder of photographs", found="a file", do="give the folder")
        do = "check the path" if name == "auto" else COLLECTIONS.get(name).get
        raise MissingFile(root, expected="a folder of photographs", do=do)
    whole = COLLECTIONS.get(detect(root) if name == "auto" else name).read(root)
    return whole if selection.everything else whole.select(selection)


def open_photographs(
    photos: str | Path | Collection, selection: Selection = Selection(), *, skip: Iterable[Path] = ()
) -> Collection:
    """List the photographs to align: those of a collection, or every file of another folder.

    Parameters
    ----------
    photos : path, str or Collection
        A folder, ``NAME:PATH`` as for `open_collection`, or a collection that is open already.
    selection : Selection
        Which photographs are taken; a folder from which some are selected is opened as a collection.
    skip : iterable of Path
        Folders below that are not looked into.

    Raises
    ------
    InputError
        As `open_collection`, or when a folder holds no image.
    """
    if isinstance(photos, Collection):
        return photos if selection.everything else photos.select(selection)
    if not Path(photos).is_dir() or not selection.everything:
        return open_collection(photos, selection)
    root = Path(photos)
    if not photographs_in(root, skip=skip):
        list_images(root)  # its error says which files were expected
    return _every_file(root, skip)


def _every_file(root: Path, skip: Iterable[Path]) -> Collection:
    """Every file below `root`, and every folder that holds none.

    A photograph belongs to its folder, or to the name before a trailing ``_0001``.
    """
    sources: list[str] = []
    for place, folders, names in folders_in(root, skip=skip):
        sources += [place + name for name in names]
        if place and not folders and not names:
            sources.append(place.rstrip("/"))
    people = {
        source: source.split("/")[-1] if (root / source).is_dir() else identity_of(source)
        for source in sorted(sources, key=in_order)
    }
    return Collection.of("folder", root, NOT_STATED, people)


def detect(root: Path) -> str:
    """Name of the first known collection that the folder looks like.

    Raises
    ------
    InputError
        When it holds no image.
    """
    known = [*_KNOWN]
    others = [name for name in COLLECTIONS if name not in _KNOWN]
    for name in (*known[:-2], *others, *known[-2:]):
        if COLLECTIONS.get(name).detects(root):
            return name
    raise InputError(str(root), "no images in this folder", do="give another folder")


def _parse(spec: str | Path) -> tuple[str, Path]:
    name, colon, path = str(spec).partition(":")
    if isinstance(spec, Path) or not colon or len(name) == 1 or "/" in name or Path(str(spec)).exists():
        return "auto", Path(spec).expanduser()  # a single letter is a drive
    if name != "auto":
        COLLECTIONS.get(name)
    if not path:
        raise InputError(f"'{spec}'", "the folder is missing", do="write NAME:FOLDER")
    return name, Path(path).expanduser()
