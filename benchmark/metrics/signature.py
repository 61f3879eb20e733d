"""A metric's full name is its definition: ``ssim[matlab3d,s1.5,w11]`` says what was computed, and parses back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facedeblur.benchmark.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_OPTION = re.compile(r"[A-Za-z0-9_.@+:=/-]+")
_WHOLE = re.compile(r"([^\[\]]*)(?:\[([^\[\]]*)\])?")


@dataclass(frozen=True, order=True)
class Signature:
    """Name and options of a metric.

    Two values may be in one column only if their signatures are equal.

    Parameters
    ----------
    name : str
        Family: lower-case letters, digits, ``-`` and ``_``, e.g. ``ssim``.
    options : tuple of str, optional
        What fixes the definition, in the order the family states: letters, digits and ``_.@+:=/-``.

    Raises
    ------
    InputError
        When the name or an option would not parse back; the line quotes it.

    Examples
    --------
    >>> from facedeblur.benchmark.metrics.signature import Signature
    >>> str(Signature("psnr", ("rgb", "255")))
    'psnr[rgb,255]'
    >>> Signature.parse("psnr[rgb,255]").options
    ('rgb', '255')
    """

    name: str
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(f"metric name '{self.name}'", expected="lower-case letters, digits, '-' and '_'")
        for word in self.options:
            if not _OPTION.fullmatch(word):
                raise InputError(
                    f"option '{word}' of metric '{self.name}'", expected="letters, digits and any of _ . @ + : = / -"
                )

    def __str__(self) -> str:
        return f"{self.name}[{','.join(self.options)}]" if self.options else self.name

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read ``name`` or ``name[option,option]``; blanks around the parts are ignored.

        Parameters
        ----------
        text : str
            A signature as a person types it or as a column is headed.

        Raises
        ------
        InputError
            When `text` is not of that form; the line quotes the part at fault.
        """
        whole = _WHOLE.fullmatch(text.strip())
        if whole is None:
            raise InputError(
                f"metric '{text}' cannot be understood", do="write name or name[option,option], as in psnr[rgb,255]"
            )
        name, inside = whole.groups()
        options = () if inside is None else tuple(part.strip() for part in inside.split(","))
        if "" in options:
            raise InputError(f"metric '{text}' has an empty option", do="remove the comma or the brackets")
        return cls(name.strip(), options)
