"""The known collections, and opening what a user names: a folder, ``NAME:FOLDER``, or several of these.

``open_collection("celeba:PATH")`` reads PATH as CelebA; ``open_collection("PATH")`` recognises the collection, and
``open_collection(["helen:A,2000", "celeba:B"])`` puts several together (`combined`). Other
packages add collections through the entry-point group ``facedeblur.collections``: classes like `KnownCollection`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import list_images
from facedeblur.benchmark.registry import Registry
from facedeblur.benchmark.sets.traits import FILE
from facedeblur.generators.photos.collection import GUESSED, NOT_STATED, Collection, combined
from facedeblur.generators.photos.files import check_seed, folders_in, identity_of, in_order, photographs_in
from facedeblur.generators.photos.specs import Selection, Wanted, parse_spec


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


# In the order in which they are recognised; collections of other packages come before the last two.
_KNOWN = {
    "helen": "helen:Helen",
    "celebamask": "celeba:CelebAMask",
    "celeba": "celeba:CelebA",
    "london": "london:London",
    "lai2016": "lai:Lai2016",
    "fei": "fei:FEI",
    "pubfig": "pubfig:PubFig",
    "multipie": "pie:MultiPIE",
    "pie": "pie:PIE",
    "lfw": "lfw:LFW",
    "faker": "faker:Faker",
    "folder": "folders:Folder",
    "people": "folders:People",
}
COLLECTIONS: Registry[type[KnownCollection]] = Registry("collection", group="facedeblur.collections")
for _name, _place in _KNOWN.items():
    COLLECTIONS.add(_name, f"facedeblur.generators.photos.collections.{_place}")


Photos = str | Path | Collection | Sequence[str | Path | Collection]
"""Photographs as users name them: a folder, ``NAME:FOLDER``, a collection that is open, or several of these."""


def specs_of(photos: Photos) -> list[str | Path | Collection]:
    """What a user named, as a list.

    Raises
    ------
    InputError
        When it is empty.
    """
    given = [photos] if isinstance(photos, str | Path | Collection) else list(photos)
    if not given:
        raise InputError("the folder of photographs is missing", do="give its path")
    return given


def only_folder(photos: Photos, what: str) -> str | Path:
    """The one folder, as the user named it, of something that is not put together of collections.

    Raises
    ------
    InputError
        When several were given, or not a folder.
    """
    given = specs_of(photos)
    if len(given) > 1 or isinstance(given[0], Collection):
        raise InputError(what, "takes one folder", do="give a single folder")
    return given[0]


def open_collection(photos: Photos, selection: Selection = Selection(), *, seed: int = 0) -> Collection:
    """List the photographs of a collection, or of several.

    Parameters
    ----------
    photos : str, path, Collection, or sequence of them
        ``NAME:PATH`` with the name of a known collection or ``auto``, or only the path, which means ``auto``. After a
        comma a text may say what is used: a role, a number of photographs that are drawn, or a share of them
        (``helen:HELEN,train,2000``).
    selection : Selection
        Which photographs are taken.
    seed : int
        Determines what is chosen at random.

    Returns
    -------
    Collection
        Its photographs in the order of their paths.

    Raises
    ------
    InputError
        When a folder is not laid out as that collection (with what to download and where to put it), the
        image list names photographs that are missing, nothing is left, or there are too few photographs.
    """
    return open_photographs(photos, selection, seed=seed, every_file=False)


def _read(want: Wanted) -> Collection:
    """The whole collection."""
    name, root = want.name, want.root
    if name != "auto":
        COLLECTIONS.get(name)
    if not root.is_dir():
        if root.exists():
            raise InputError(str(root), expected="a folder of photographs", found="a file", do="give the folder")
        do = "check the path" if name == "auto" else COLLECTIONS.get(name).get
        raise MissingFile(root, expected="a folder of photographs", do=do)
    return COLLECTIONS.get(detect(root) if name == "auto" else name).read(root)


def open_photographs(
    photos: Photos,
    selection: Selection = Selection(),
    *,
    seed: int = 0,
    skip: Iterable[Path] = (),
    every_file: bool = True,
    opener: Callable[[Wanted], Collection | None] | None = None,
) -> Collection:
    """List the photographs to align: those of collections, or every file of other folders.

    Parameters
    ----------
    photos, selection, seed
        As for `open_collection`.
    skip : iterable of Path
        Folders below that are not looked into.
    every_file : bool
        List every file of a folder without a name of which everything is taken; else it is recognised as a collection.
    opener : callable, optional
        Opens what is not a folder of photographs; None from it means that it is one.

    Raises
    ------
    InputError
        As `open_collection`, or when a folder holds no image.
    """
    check_seed(seed)
    opened, wanted = [], []
    given = specs_of(photos)
    if len(given) == 1 and isinstance(given[0], Collection):
        return given[0] if selection.everything else given[0].select(selection, seed=seed)
    rule = "" if selection.listed is None else "each"  # An image list says who is who.
    for spec in given:
        if isinstance(spec, Collection):
            opened += spec.each()
            wanted += [Wanted(one.name, one.root) for one in spec.each()]
            continue
        want = parse_spec(spec)
        one = opener(want) if opener else None
        if one is None and every_file and want.name == "auto" and want.everything and selection.everything:
            one = _folder(want.root, skip) if want.root.is_dir() else None
        found = one or _read(want)
        # A layout that was named, such as people:FOLDER, is no guess.
        opened.append(found.identified(selection.identity or rule, guess=want.name == "auto"))
        wanted.append(want)
    if selection.identity and not any(one.told for one in opened):
        raise InputError(
            f"identity '{selection.identity}'", f"the identities of {combined(opened).place} are known",
            do="leave out --identity",
        )  # fmt: skip
    whole = combined(opened)
    if selection.everything and all(want.everything for want in wanted):
        return whole
    return whole.select(selection, wanted=wanted, seed=seed)


def _folder(root: Path, skip: Iterable[Path]) -> Collection:
    if not photographs_in(root, skip=skip):
        list_images(root)  # its error says which files were expected
    return _every_file(root, skip)


def _every_file(root: Path, skip: Iterable[Path]) -> Collection:
    """Every file below `root`, and every folder that holds none.

    A photograph belongs to its folder, or to the name before a trailing ``_0001``.
    """
    sources: list[str] = []
    for place, folders, names in folders_in(root, skip=skip):
        sources += [place + name for name in names if place + name != FILE]
        if place and not folders and not names:
            sources.append(place.rstrip("/"))
    people = {
        source: source.split("/")[-1] if (root / source).is_dir() else identity_of(source)
        for source in sorted(sources, key=in_order)
    }
    return Collection.of("folder", root, NOT_STATED, people, told=GUESSED)


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
