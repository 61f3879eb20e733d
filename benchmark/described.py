"""What a class or function says of itself, read from its source: naming what there is imports no torch and no numba."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Described:
    """A class or function as its source describes it.

    Attributes
    ----------
    line : str
        First line of its docstring.
    values : dict
        Class attributes and arguments of decorators by name, those of base classes in the same package included;
        literals only.
    """

    line: str
    values: dict[str, Any]


def described(place: str) -> Described | None:
    """Read what the source says of ``"package.module:attribute"``; None where it is not a class or function there."""
    module, _, name = place.partition(":")
    body = _body(module)
    found = next((part for part in body if getattr(part, "name", "") == name), None)
    if isinstance(found, ast.FunctionDef):
        return Described(_line(found), {})
    if not isinstance(found, ast.ClassDef):
        return None
    values: dict[str, Any] = {}
    for base in reversed(found.bases):
        above = described(_place_of(base.id, module, body)) if isinstance(base, ast.Name) else None
        values |= above.values if above else {}
    return Described(_line(found), values | dict(_values(found)))


@cache
def _body(module: str) -> list[ast.stmt]:
    """The statements of a module, none where it has no source."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return []
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body


def _place_of(name: str, module: str, body: list[ast.stmt]) -> str:
    """Where a name in a module is from, if that is in the same package."""
    for part in body:
        if isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] == module.split(".")[0]:
            for one in part.names:
                if (one.asname or one.name) == name:
                    return f"{part.module}:{one.name}"
    return f"{module}:{name}"


def _line(found: ast.ClassDef | ast.FunctionDef) -> str:
    return (ast.get_docstring(found) or "").partition("\n")[0]


def _values(found: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    given = [(one.arg or "", one.value) for call in found.decorator_list for one in getattr(call, "keywords", ())]
    for part in found.body:
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            given.append((part.targets[0].id, part.value))
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.value is not None:
            given.append((part.target.id, part.value))
    for name, value in given:
        if isinstance(value, ast.Constant):
            yield name, value.value
