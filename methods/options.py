"""A method's options: the keyword arguments of its constructor, read from text, with their types."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from facedeblur.benchmark.errors import InputError, suggest

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def defaults(cls: type[Any]) -> dict[str, Any]:
    """Options of a method class with their default values, in the order of the signature."""
    return {name: parameter.default for name, parameter in _keywords(cls).items()}


def read_options(cls: type[Any], given: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """All options of a method: the given ones, converted to their type, and the defaults of the others.

    Parameters
    ----------
    cls : type
        Its constructor's annotations (or the types of the defaults) say how text is read.
    given : mapping
        Option -> value or text.
    name : str
        The method, for the error lines.

    Raises
    ------
    InputError
        For an option that the method does not have (with the nearest), one that does not read
        as its type, or a required one that is missing.
    """
    keywords = _keywords(cls)
    for key in given:
        if key not in keywords:
            raise InputError(f"method '{name}', option '{key}'", expected="an option of it", do=suggest(key, keywords))
    try:
        hints = get_type_hints(cls.__init__)
    except (NameError, TypeError):  # an annotation that only a type checker can resolve
        hints = {}
    options = {}
    for key, parameter in keywords.items():
        if key not in given:
            if parameter.default is inspect.Parameter.empty:
                raise InputError(f"method '{name}', option '{key}'", expected="it set", do=f"add --set {key}=...")
            options[key] = parameter.default
            continue
        hint = hints.get(key, type(parameter.default))
        try:
            options[key] = _convert(given[key], hint)
        except ValueError:
            kind = getattr(hint, "__name__", str(hint))
            raise InputError(f"method '{name}', option '{key}'", expected=kind, found=repr(given[key])) from None
    return options


def shown_name(name: str, options: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """The displayed name: ``wiener``, or ``wiener[gamma=0.005]`` where an option is not the default."""
    changed = [f"{key}={value}" for key, value in options.items() if key not in usual or usual[key] != value]
    return f"{name}[{','.join(changed)}]" if changed else name


def _keywords(cls: type[Any]) -> dict[str, inspect.Parameter]:
    if cls.__init__ is object.__init__:
        return {}
    wanted = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    listed = list(inspect.signature(cls.__init__).parameters.items())[1:]
    return {name: parameter for name, parameter in listed if parameter.kind in wanted}


def _convert(value: Any, hint: Any) -> Any:
    """Read `value` as `hint`; values that are no text must already be of that type (or an int for a float)."""
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
