"""An extension of griffe, which reads the docstrings for mkdocstrings: two corrections to its reading of numpydoc."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SECTION = re.compile(r"(?<=^Parameters\n----------\n).*?(?=^\S[^\n]*\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)
_SHARED = re.compile(r"^(\w+(?:, \w+)+)( : .*)?\n((?: +.*\n|\n(?= ))*(?: +.*\Z)?)", re.MULTILINE)
_CHOICES = re.compile(r"^(\w+ : )\{(.+)\}", re.MULTILINE)


class Numpydoc(griffe.Extension):
    """Gives every parameter its own type and default.

    griffe gives all names of an entry such as ``width, height : int`` the default of the first, and takes the first of
    ``{'png', 'npy'}`` for the default.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(docstring: str) -> str:
    """A docstring with one entry per parameter, and choices joined by ``or``."""
    return _SECTION.sub(lambda found: _CHOICES.sub(_joined, _SHARED.sub(_split, found[0])), docstring)


def _split(found: re.Match[str]) -> str:
    return "\n".join(f"{name}{found[2] or ''}\n{found[3].rstrip()}" for name in found[1].split(", ")) + "\n"


def _joined(found: re.Match[str]) -> str:
    return found[1] + found[2].replace(", ", " or ")
