"""The code that a method from a file is made of: the file, and the modules that it imports from its own folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from facedeblur.benchmark.weights import sha256_of


def code_of(file: Path) -> dict[str, str]:
    """sha256 (hex) of a file and, if it is Python code, of the modules in its folder that it imports.

    Imports are read from the code, not executed: those inside functions count as well, and those of modules count for
    the file. A module that is imported by a computed name is not found.

    Returns
    -------
    dict
        Path from the folder of the file, with forward slashes -> hash; the file itself is the first.
    """
    file = file.resolve()
    return _hashed([file], file.parent)


def code_of_module(name: str, folder: Path) -> dict[str, str]:
    """sha256 (hex) of the code that ``python -m NAME`` runs in a folder, as `code_of`; empty if it is not in there."""
    folder = folder.resolve()
    return _hashed(list(_files(folder, [*name.split("."), "__main__"])), folder)


def _hashed(files: list[Path], folder: Path) -> dict[str, str]:
    """Hashes of files in a folder and of the modules in it that they import, by their path from it."""
    found, waiting = {}, list(files)
    while waiting:
        module = waiting.pop(0)
        name = module.relative_to(folder).as_posix()
        if name not in found:
            found[name] = sha256_of(module)
            waiting += sorted(_imported(module, folder)) if module.suffix == ".py" else []
    return found


def _imported(module: Path, folder: Path) -> set[Path]:
    """Files of the modules in `folder` that a module imports; what does not parse imports nothing."""
    try:
        tree = ast.parse(module.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    found: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.update(_files(folder, alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            # One dot is the package of the module, each further one the package around it.
            start = (folder, *module.parents)[min(node.level, len(module.parents))]
            parts = node.module.split(".") if node.module else []
            if start.is_relative_to(folder):
                for alias in node.names:
                    found.update(_files(start, [*parts, alias.name]))
    return {file for file in (one.resolve() for one in found) if file.is_relative_to(folder)}


def _files(start: Path, parts: list[str]) -> Iterator[Path]:
    """The files that importing ``a.b.c`` from a folder executes; the last part may be a name inside a module."""
    place = start
    for part in parts:
        file = place / f"{part}.py"
        place /= part
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        elif file.is_file():
            yield file
            return
        elif not place.is_dir():
            return
