"""The options of a method: keyword arguments of its constructor, read from text by their types."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import keywords, one_of

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def defaults(cls: type[Any]) -> dict[str, Any]:
    """Options of a method class with their default values, in the order of the signature."""
    return {name: parameter.default for name, parameter in (keywords(cls) or {}).items()}


def read_options(cls: type[Any], given: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return all options of a method: the given ones, converted to their type, and the defaults of the others.

    Parameters
    ----------
    cls : type
        Its constructor's annotations (or the types of the defaults) say how text is read.
    given : mapping
        Option -> value or text.
    name : str
        The method, for messages.

    Raises
    ------
    InputError
        If an option is unknown (with the nearest name), a value cannot be read as its type,
        or a required option is missing.
    """
    known = keywords(cls)
    if known is None:  # it takes any
        return dict(given)
    of = f"method '{name}'"
    for key in given:
        one_of("option", key, known, of=of)
    try:
        hints = get_type_hints(cls.__init__)
    except (NameError, TypeError):  # an annotation that only a type checker can resolve
        hints = {}
    options = {}
    for key, parameter in known.items():
        if key not in given:
            if parameter.default is inspect.Parameter.empty:
                raise InputError(f"required option '{key}' of {of} is missing", do=f"add --set {key}=...")
            options[key] = parameter.default
            continue
        hint = hints.get(key, type(parameter.default))
        try:
            options[key] = _convert(given[key], hint)
        except ValueError:
            kind = getattr(hint, "__name__", str(hint))
            raise InputError(f"option '{key}' of {of}", expected=kind, found=repr(given[key])) from None
    return options


def shown_name(name: str, options: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """Return the displayed name: ``wiener``, or ``wiener[gamma=0.005]`` if an option is not the default."""
    changed = [f"{key}={value}" for key, value in options.items() if key not in usual or usual[key] != value]
    return f"{name}[{','.join(changed)}]" if changed else name


def _convert(value: Any, hint: Any) -> Any:
    """Read `value` as `hint`; values that are not text must already be of that type (or an int for a float)."""
    if get_origin(hint) in (Union, types.UnionType):
        if type(None) in get_args(hint) and (value is None or value == "none"):
            return None
        for choice in (choice for choice in get_args(hint) if choice is not type(None)):
            try:
                return _convert(value, choice)
            except ValueError:
                continue
        raise ValueError(value)
    if hint is bool:
        word = _WORDS.get(str(value).lower())
        if word is None:
            raise ValueError(value)
        return word
    if hint in (int, float):
        if isinstance(value, bool) or (hint is int and isinstance(value, float)):
            raise ValueError(value)
        return hint(value)
    if hint is str and not isinstance(value, str):
        raise ValueError(value)
    return value
