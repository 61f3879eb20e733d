"""What a user writes for a collection: ``NAME:FOLDER``, after commas which of its photographs are used; selections.

``helen:HELEN,train,2000`` is 2,000 of Helen's training photographs, ``photos/,25%`` a quarter of those of a folder.
A comma that belongs to the name of an existing folder is part of the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import checked, one_of
from facedeblur.generators.photos.identities import check_rule
from facedeblur.generators.photos.lists import ROLES

_NUMBER = re.compile(r"\d+")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class Wanted:
    """A collection, and which of its photographs are used.

    Attributes
    ----------
    name : str
        A known collection, or ``auto``.
    root : Path
    role : str
        Only photographs with this role; empty for all.
    number : int, optional
        How many photographs are drawn.
    share : float, optional
        Share of the photographs that is drawn, in (0, 1].
    """

    name: str
    root: Path
    role: str = ""
    number: int | None = None
    share: float | None = None

    @property
    def everything(self) -> bool:
        """True if no photograph is left out."""
        return not self.role and self.number is None and self.share is None

    def count_of(self, total: int) -> int:
        """How many of `total` photographs are drawn.

        Raises
        ------
        InputError
            When there are fewer.
        """
        if self.share is not None:
            return max(1, round(self.share * total))
        if self.number is None:
            return total
        if self.number > total:
            raise InputError(
                f"{self.root}", expected=f"{self.number:,} photographs" + f" with role {self.role}" * bool(self.role),
                found=f"{total:,}", do="ask for fewer",
            )  # fmt: skip
        return self.number


@checked
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
    people : int, optional
        How many people are chosen at random, with one photograph of each.
    identity : str
        Who is who in folders that are no known collection: ``each``, ``folder``, ``name`` or a pattern, see
        `facedeblur.generators.photos.identities.by_rule`; empty to guess it from the names.

    Raises
    ------
    InputError
        When a role or the rule of identities is not known, or the limit or the number of people is below 1.
    """

    match: str = ""
    roles: tuple[str, ...] = ()
    limit: int | None = None
    listed: str | Path | None = None
    people: int | None = None
    identity: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(self.roles))
        for role in self.roles:
            one_of("role", role, ROLES)
        if self.identity:
            check_rule(self.identity)
        for name in ("limit", "people"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(name, expected="at least 1", found=str(number), do="choose another number")

    @property
    def everything(self) -> bool:
        """True if no photograph is left out."""
        return not (self.match or self.roles or self.listed) and self.limit is None and self.people is None


def parse_spec(spec: str | Path) -> Wanted:
    """Read a collection as the user writes it; whether its name is known is for `open_collection` to say.

    Parameters
    ----------
    spec : str or Path
        A `Path` is a folder, whatever its name looks like.

    Raises
    ------
    InputError
        When there is no folder in the text, or a word after a comma is not a role, a number or a share.
    """
    if isinstance(spec, Path):
        return Wanted("auto", spec.expanduser())
    text, words = spec, list[str]()
    name, root = _place(spec, text)
    while not root.exists() and "," in text:
        text, _, word = text.rpartition(",")
        words.append(word.strip())
        name, root = _place(spec, text)
    if not root.exists() and not all(map(_is_word, words)):
        return Wanted(*_place(spec, spec))  # a missing folder, with a comma in its name
    choice: dict[str, Any] = {}
    for word in reversed(words):
        key, value = _meaning(spec, word)
        if key in choice or {key, *choice} >= {"number", "share"}:
            raise InputError(f"'{spec}'", "two words say which photographs are used", do="keep one of them")
        choice[key] = value
    return Wanted(name, root, **choice)


def _place(spec: str, text: str) -> tuple[str, Path]:
    """Name and folder in a text without words."""
    name, colon, path = text.partition(":")
    if not text.strip():
        raise InputError("the folder of photographs has an empty name", do="give its path")
    # A single letter is a drive.
    if not colon or len(name) == 1 or "/" in name or Path(text).exists():
        return "auto", Path(text).expanduser()
    if not path:
        raise InputError(f"'{spec}'", "the folder is missing", do="write NAME:FOLDER")
    return name, Path(path).expanduser()


def _is_word(word: str) -> bool:
    return word in ROLES or bool(_NUMBER.fullmatch(word) or _SHARE.fullmatch(word))


def _meaning(spec: str, word: str) -> tuple[str, Any]:
    """Field of `Wanted` and its value."""
    if word in ROLES:
        return "role", word
    if _NUMBER.fullmatch(word) and int(word) > 0:
        return "number", int(word)
    if (share := _SHARE.fullmatch(word)) and 0 < float(share[1]) <= 100:
        return "share", float(share[1]) / 100
    raise InputError(
        f"'{spec}'", expected=f"a number from 1, a share such as 50%, or a role ({', '.join(ROLES)}) after the comma",
        found=f"'{word}'", do="correct it",
    )  # fmt: skip
