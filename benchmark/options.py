"""Words and options: the one place that refuses an unknown word, and names the nearest, or a value of another type."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from itertools import chain
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    Protocol,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from facedeblur.benchmark.errors import InputError, shorten, suggest

LISTED = 12
"""Known words that a message lists."""


def one_of(what: str, word: str, known: Iterable[str], *, of: str = "") -> str:
    """Return `word` if it is one of `known`.

    Parameters
    ----------
    what : str
        What `word` is, e.g. ``border`` or ``option``.
    word : str
        The given word.
    known : iterable of str
        The accepted words.
    of : str, optional
        The thing that has it, e.g. ``metric 'psnr'``.

    Raises
    ------
    InputError
        If it is not, e.g. ``option 'gama' of method 'wiener': expected one of gamma, mode; did you mean 'gamma'?``
    """
    names = list(known)
    if word in names:
        return word
    few, hint = len(names) <= LISTED, suggest(word, names)
    raise InputError(
        f"{what} '{word}'{f' of {of}' if of else ''}",
        None if names and few else "unknown" if names else "no such name is accepted here",
        expected=f"one of {', '.join(names)}" if names and few else None,
        do=hint if hint.startswith("did you mean") or not few else None,
    )


def keywords(factory: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Return the options of a function or class by name, or None if it accepts any name.

    The options of a class include those of the bases that it hands its ``**options`` on to.
    """
    makers = [factory]
    if isinstance(factory, type):
        makers = [vars(base)["__init__"] for base in factory.__mro__[:-1] if "__init__" in vars(base)]
    found: dict[str, inspect.Parameter] = {}
    for maker in makers:
        parameters = list(inspect.signature(maker).parameters.values())[isinstance(factory, type) :]
        for one in parameters:
            if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD):
                found.setdefault(one.name, one)
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            return found
    return None if makers else found


def make(factory: Callable[..., Any], options: Mapping[str, Any], of: str) -> Any:
    """Call `factory` with `options`, all of which it must have.

    Parameters
    ----------
    factory : callable
        Function or class; see `keywords`.
    options : mapping
        Keyword arguments.
    of : str
        What is made, for messages, e.g. ``loss 'l1'``.

    Raises
    ------
    InputError
        If an option is unknown, with the nearest name, or has a value of the wrong type.
    """
    known = keywords(factory)
    for name in options if known is not None else ():
        one_of("option", name, known or (), of=of)
    try:
        return factory(**options)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"options of {of}", f"invalid value ({error})") from error


@dataclass(frozen=True)
class Slot:
    """What one of several words may be; see `fill`.

    Parameters
    ----------
    words : tuple of str
        Accepted words, the default first. With an empty default the word may be left out.
    form : str, optional
        Regular expression of further words, e.g. ``cap[0-9]+``.
    pinned : bool
        Whether a word may carry the first digits of the sha256 of its weights: ``v0.1@1234abcd``.
    """

    words: tuple[str, ...]
    form: str = ""
    pinned: bool = False

    def __contains__(self, word: object) -> bool:
        text = str(word)
        bare, at, digits = text.partition("@") if self.pinned else (text, "", "")
        known = bool(bare) and bare in self.words and (bool(digits) or not at)
        return known or bool(self.form and re.fullmatch(self.form, text))


PIN = Slot(("",), form="@.+")
"""The option of a face provider that pins its weights, ``@1234abcd``."""


def pin_of(word: str) -> str | None:
    """Return the first digits of the sha256 that a word carries behind ``@``, or None."""
    return word.partition("@")[2] or None


def fill(of: str, words: Sequence[str], *slots: Slot | Sequence[str]) -> tuple[str, ...]:
    """Sort words into slots and fill the empty ones with their defaults.

    Parameters
    ----------
    of : str
        What the words define, for messages, e.g. ``metric 'psnr'``.
    words : sequence of str
        What was given, in any order.
    *slots : Slot or sequence of str
        The words that each slot takes, its default first. A slot of one word is a fixed part of the definition.

    Returns
    -------
    tuple of str
        One word per slot, in the order of the slots.

    Raises
    ------
    InputError
        If a word fits no slot, with the nearest that would, or two words fit the same one.
    """
    sorted_in = [slot if isinstance(slot, Slot) else Slot(tuple(slot)) for slot in slots]
    chosen: list[str | None] = [None] * len(sorted_in)
    for word in words:
        place = next((at for at, slot in enumerate(sorted_in) if word in slot), None)
        if place is None:
            one_of("option", word, dict.fromkeys(known for slot in sorted_in for known in slot.words if known), of=of)
        elif chosen[place] is not None:
            raise InputError(f"options '{chosen[place]}' and '{word}' of {of} exclude each other", do="give one")
        else:
            chosen[place] = word
    return tuple(slot.words[0] if word is None else word for word, slot in zip(chosen, sorted_in, strict=True))


def meaning(option: str, terms: Mapping[str, str]) -> str:
    """Return what an option means in words, or the option itself if it is not described.

    Parameters
    ----------
    option : str
        E.g. ``cap100``, or ``v0.1@1234abcd`` with the first digits of the sha256 of its weights.
    terms : mapping of str to str
        Regular expression of an option -> its meaning; the groups of the expression replace the ``{}`` in it.

    Examples
    --------
    >>> from facedeblur.benchmark.options import meaning
    >>> meaning("cap100", {"cap(.+)": "identical images count as {} dB"})
    'identical images count as 100 dB'
    """
    name, _, digest = option.partition("@")
    found = ((re.fullmatch(form, name), text) for form, text in terms.items())
    said = next((text.format(*match.groups()) for match, text in found if match), name)
    return f"{said} (weights {digest})" if digest else said


def check_fields(
    record: object, what: str, checks: Mapping[str, tuple[bool, str]], *, do: str = "choose another value"
) -> None:
    """Raise InputError for the first field of `record` that cannot be used.

    Parameters
    ----------
    record : object
    what : str
        What it is, for the error line.
    checks : mapping
        Name of a field -> whether it can be used, and what is expected of it.
    do : str
        The advice in the line.
    """
    for name, (fine, expected) in checks.items():
        if not fine:
            raise InputError(f"{what}, {name}", expected=expected, found=str(getattr(record, name)), do=do)


Checked = TypeVar("Checked", bound=Callable[..., Any])


@runtime_checkable
class _Array(Protocol):
    def __array__(self) -> Any: ...


_PLAIN: dict[Any, tuple[tuple[Any, ...], str]] = {
    NoneType: ((NoneType,), "None"),
    bool: ((bool, _Array), "bool"),
    int: ((int, SupportsIndex), "int"),
    float: ((float, int, SupportsFloat), "float"),
    Path: ((PathLike,), "path"),
    PathLike: ((PathLike,), "path"),
    Mapping: ((Mapping,), "mapping"),
    Callable: ((Callable,), "callable"),
    type: ((type,), "class"),
}
"""Annotation -> the classes that it accepts (of numpy's scalars, too), and its name in messages."""


@dataclass(frozen=True)
class _Accepted:
    """What a parameter accepts: instances of classes, and sequences of what `items` accepts."""

    kinds: tuple[Any, ...]
    words: tuple[str, ...] = ()
    items: _Accepted | None = None

    @classmethod
    def of(cls, *annotations: Any) -> _Accepted:
        """What any of `annotations` accepts, which is everything if one of them is not known."""
        kinds: list[Any] = []
        words: list[str] = []
        items: list[Any] = []
        unions = (get_args(one) if get_origin(one) in (Union, UnionType) else (one,) for one in annotations)
        for arm in chain.from_iterable(unions):
            origin = get_origin(arm) or arm
            if origin in (Sequence, Iterable, list, tuple):
                items += [item for item in get_args(arm) if item is not Ellipsis] or [Any]
                continue
            if origin is Literal:  # whether it is one of these words is for `one_of` to say
                accepted, word = tuple(map(type, get_args(arm))), " or ".join(map(repr, get_args(arm)))
            else:
                try:
                    isinstance(None, origin)
                except TypeError:  # Any, a type variable, a protocol
                    return cls((object,))
                arrays = (_Array,) if hasattr(origin, "__array__") else ()
                accepted, word = _PLAIN.get(origin) or ((origin, *arrays), origin.__name__)
            kinds += accepted
            words.append(word)
        inner = cls.of(*items) if items else None
        if inner:
            same = set(words) - {"None"} == set(inner.words)
            words.append(f"sequence of {'them' if same else inner}" if inner.words else "sequence")
        kinds.sort(key=lambda kind: kind in (_Array, SupportsIndex, SupportsFloat))  # these are slow to ask
        return cls(tuple(kinds), tuple(sorted(dict.fromkeys(words), key="None".__eq__)), inner)

    def __str__(self) -> str:
        return " or ".join(filter(None, (", ".join(self.words[:-1]), self.words[-1])))

    def misfits(self, value: Any) -> list[Any]:
        """What of `value` is not accepted: nothing, itself, or its first item that is not."""
        if isinstance(value, self.kinds):
            return []
        if self.items is None or isinstance(value, str | bytes) or not isinstance(value, Iterable):
            return [value]
        items = value if isinstance(value, list | tuple) else ()
        return next(filter(None, map(self.items.misfits, items)), [])


def _parameters(function: Callable[..., Any]) -> dict[str, _Accepted]:
    """What each parameter of a function accepts, in order; names that only type checkers import accept everything."""
    found = {}
    for name, one in inspect.signature(function).parameters.items():
        alone = type("Alone", (), {"__annotations__": {name: one.annotation}})
        try:
            hint = get_type_hints(alone, vars(sys.modules[function.__module__]))[name]
        except NameError:
            hint = Any
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            found[name] = _Accepted.of(Any if hint is one.empty else hint, *[NoneType] * (one.default is None))
    return found


def checked(thing: Checked) -> Checked:
    """Have a function, or the ``__init__`` of a class, compare what it is given with its annotations.

    What is plainly of another type is refused; annotations that are not known accept everything.

    Raises
    ------
    InputError
        When it is called, e.g. ``build: 'out' must be str or path, not None``.
    """
    if isinstance(thing, type):
        thing.__init__ = checked(thing.__init__)  # type: ignore[misc]
        return thing
    parameters = cache(lambda: _parameters(thing))  # at the first call: annotations may name what comes later

    @wraps(thing)
    def call(*args: Any, **options: Any) -> Any:
        known = parameters()
        for name, value in (*zip(known, args, strict=False), *options.items()):
            for bad in known[name].misfits(value) if name in known else ():
                plain = bad is None or isinstance(bad, str | bytes | int | float | list | tuple | dict | set)
                found = shorten(repr(bad), 60) if plain else f"of type {type(bad).__name__}"
                of = thing.__qualname__.removesuffix(".__init__")
                raise InputError(f"{of}: '{name}' must be {known[name]}, not {found}")
        return thing(*args, **options)

    return cast(Checked, call)
