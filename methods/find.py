"""Find a method by name, file or class, with its options and weights.

A TOML file describes an exported network with ``kind = "torchscript"``, ``"pt2"`` or ``"onnx"`` and
``path = "net.onnx"`` (``facedeblur export`` writes both files), a program with ``kind = "command"``
(`facedeblur.methods.kinds.command`), or one in a container with ``kind = "container"``
(`facedeblur.methods.kinds.container`).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.registry import load_plugin
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.weights import WeightFile, folders, sha256_of
from facedeblur.methods.base import METHODS, check_restores, spec_of
from facedeblur.methods.code import code_of
from facedeblur.methods.kinds.command import CommandBlock, command
from facedeblur.methods.kinds.container import ContainerBlock, container
from facedeblur.methods.options import defaults, read_options, shown_name
from facedeblur.methods.runnable import Runnable

KINDS = ("torchscript", "pt2", "onnx", "command", "container")
EXPORTED = frozenset({".ts", ".pt", ".pth", ".pt2", ".jit", ".torchscript", ".onnx"})


def find_method(
    method: str | Path | type[Any],
    *,
    options: Mapping[str, Any] | None = None,
    plugin: str | Path | None = None,
    weights: str | Path | None = None,
    the_set: Set | None = None,
) -> Runnable:
    """Find a method by its name, its TOML file, the file of a network, or its class.

    Parameters
    ----------
    method : str, path or class
    options : mapping, optional
        Option -> value or text.
    plugin : path, optional
        Python file to load first.
    weights : path, optional
        Folder that is searched for weight files before all others, or a file for a method that finds its own.
    the_set : Set, optional
        Set to restore, for options that depend on it.

    Raises
    ------
    InputError
        If the method, a file, an option or a weight file is missing, or a weight file has another hash.
    """
    if plugin is not None:
        load_plugin(plugin)
    given = dict(options or {})
    if not isinstance(method, type):
        file = Path(method)
        if file.suffix.lower() == ".toml":
            return _of_block(file, options=given)
        if file.suffix.lower() == ".py":
            raise InputError(
                f"method '{method}'", expected="a name, a TOML file, or the file of a network", found="Python code",
                do=f"give the name of a method that it registers, and --plugin {method}",
            )  # fmt: skip
        if file.suffix.lower() in EXPORTED or (file.is_file() and str(method) not in METHODS):
            from facedeblur.methods.kinds.exported import exported

            return exported(file, options=given, the_set=the_set)
        return _of_class(METHODS.get(str(method)), str(method), given, plugin, weights, the_set)
    return _of_class(method, spec_of(method).name, given, plugin, weights, the_set)


def _of_block(path: Path, *, options: Mapping[str, Any]) -> Runnable:
    """Return the method that a TOML file describes.

    Raises
    ------
    InputError
        For an unknown kind or key (with the nearest), a missing one, or a program that is missing.
    """
    values, _ = read_toml(path)
    if "kind" not in values:
        raise InputError(f"{path}: required key 'kind' is missing", do=f"give one of {', '.join(KINDS)}")
    kind = one_of(f"{path}: kind", str(values["kind"]), KINDS)
    if kind in ("torchscript", "pt2", "onnx"):
        from facedeblur.methods.kinds.exported import ExportedBlock, exported

        block = strict(ExportedBlock, values, str(path))
        return exported(path.parent / block.path, options=options, block=block)
    if options:
        raise InputError(f"option '{next(iter(options))}': a {kind} has no options", do=f"change argv in {path}")
    if kind == "container":
        return container(path, strict(ContainerBlock, values, str(path)))
    return command(path, strict(CommandBlock, values, str(path)))


def _of_class(
    cls: type[Any],
    name: str,
    given: dict[str, Any],
    plugin: str | Path | None,
    folder: str | Path | None,
    the_set: Set | None,
) -> Runnable:
    declared = spec_of(cls)
    spec = replace(declared, name=name)
    check_restores(name, cls)
    fit = getattr(cls, "fit_options", None)
    if callable(fit) and the_set is not None:
        given = fit(given, the_set)
    read = read_options(cls, given, name=name)
    code_file = _code_file(cls, plugin)
    near = [Path(place) for place in (folder, code_file.parent if code_file else None) if place is not None]
    paths = {file: find_weights(name, file, sha, near) for file, sha in spec.weights}
    own = getattr(cls, "find_weights", None)
    paths |= {path.name: path for path in own(near)} if callable(own) else {}
    remark, reads = getattr(cls, "remark_on", None), getattr(cls, "takes_labels", None)
    return Runnable(
        cls,
        spec,
        read,
        shown_name(name, read, defaults(cls)),
        paths,
        {file: sha256_of(path) for file, path in paths.items()},
        code_of(code_file) if code_file else {},
        str(Path(plugin).resolve()) if plugin is not None else "",
        remark=remark(list(paths.values())) if callable(remark) else "",
        labels=bool(reads(list(paths.values()))) if callable(reads) else False,
    )


def _code_file(cls: type[Any], plugin: str | Path | None) -> Path | None:
    """The file that defines a class of a plugin or script; None for an installed package or a notebook."""
    module = sys.modules.get(cls.__module__)
    loose = cls.__module__ == "__main__" or cls.__module__.startswith("facedeblur_plugin_")
    if not loose:
        return None
    if plugin is not None and cls.__module__ != "__main__":
        return Path(plugin).resolve()
    try:
        file = Path(inspect.getfile(module)) if module else None
    except TypeError:
        return None
    return file if file and file.is_file() else None


def find_weights(method: str, file: str, sha256: str, near: list[Path]) -> Path:
    """Find a weight file of a method: in the folders `near`, then in the folders for all weight files.

    Raises
    ------
    InputError
        If it is in none of them, or its content is not the declared one.
    """
    searched = near + folders(WeightFile(file, (file,), ""))
    path = next((place / file for place in searched if (place / file).is_file()), None)
    if path is None:
        raise InputError(
            f"weights '{file}' of method '{method}' are missing; searched {', '.join(map(str, searched))}",
            do="put the file into one of these folders, or give --weights FOLDER",
        )  # fmt: skip
    if sha256 and sha256_of(path) != sha256:
        raise InputError(
            str(path), expected=f"sha256 {sha256[:16]}...", found=f"{sha256_of(path)[:16]}...",
            do=f"get the version that method '{method}' declares; this file is another version or damaged",
        )  # fmt: skip
    return path
