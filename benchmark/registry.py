"""One registry for everything that has a name: methods, networks, metrics, collections, face providers.

An entry is an object, or the place where it lives (``"package.module:attribute"``), which is
imported when the entry is first used. Other packages add entries through entry points, a local
Python file adds them when it is loaded: ``--plugin file.py``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.options import one_of

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind.

    Parameters
    ----------
    kind : str
        What an entry is, in the singular; part of the error messages.
    group : str, optional
        Entry-point group through which other packages add entries.
    """

    def __init__(self, kind: str, *, group: str | None = None):
        self.kind, self.group = kind, group
        self.broken: dict[str, str] = {}
        self._entries: dict[str, T | str] = {}
        self._sources: list[tuple[Registry[Any], str]] = []
        self._plugins_read = group is None

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters the decorated object as `name`."""

        def enter(thing: T) -> T:
            self.add(name, thing)
            return thing

        return enter

    def add(self, name: str, thing: T | str) -> None:
        """Enter `thing`, an object or ``"package.module:attribute"``, as `name`.

        Raises
        ------
        InputError
            When another object already has that name.
        """
        old = self._entries.get(name)
        taken = old is not None and old is not thing and not self._same_place(old, thing)
        if taken or any(name in source for source, _ in self._sources):
            raise InputError(f"{self.kind} '{name}' is already registered", do="choose another name")
        self._entries[name] = thing

    def derive(self, source: Registry[Any], place: str) -> None:
        """Have an entry for every name in another registry, now and later.

        Parameters
        ----------
        source : Registry
        place : str
            ``"package.module:function"`` that is called with the name on first use, and returns the entry.
        """
        self._sources.append((source, place))

    @staticmethod
    def _same_place(old: object, new: object) -> bool:
        """Tell whether a placeholder and an object (or two objects, after a reload) are the same entry."""

        def place(thing: object) -> str:
            if isinstance(thing, str):
                return thing
            return f"{getattr(thing, '__module__', '?')}:{getattr(thing, '__qualname__', id(thing))}"

        return place(old) == place(new)

    def __contains__(self, name: str) -> bool:
        self._read_plugins()
        return name in self._entries or any(name in source for source, _ in self._sources)

    def __iter__(self) -> Iterator[str]:
        self._read_plugins()
        return iter(sorted({*self._entries, *(name for source, _ in self._sources for name in source)}))

    def get(self, name: str) -> T:
        """Return the entry called `name`.

        Raises
        ------
        InputError
            When the name is unknown (with the nearest one), or its module does not import.
        """
        self._read_plugins()
        place = next((place for source, place in self._sources if name in source), "")
        if name not in self._entries and place:
            return cast("Callable[[str], T]", self._resolve(name, place))(name)
        if name not in self._entries:
            one_of(self.kind, name, self)
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._resolve(name, entry)
            self._entries[name] = entry
        return entry

    def place(self, name: str) -> str:
        """Return where the entry called `name` lives while it is not imported yet, else an empty string."""
        self._read_plugins()
        entry = self._entries.get(name)
        return entry if isinstance(entry, str) else ""

    def _resolve(self, name: str, place: str) -> T:
        module, _, attribute = place.partition(":")
        try:
            return cast(T, getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            raise InputError(
                f"{self.kind} '{name}' cannot be imported from {place}: {error}",
                do="install the package that it needs, or correct it",
            ) from error

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        for point in _entry_points().select(group=self.group):
            try:
                self.add(point.name, cast(Any, point.value))
            except InputError as error:
                self.broken[point.name] = str(error)


@lru_cache(maxsize=1)
def _entry_points() -> Any:
    """The entry points of all installed packages, whose files are read once for all registries."""
    from importlib.metadata import entry_points

    return entry_points()


def load_plugin(path: str | Path) -> str:
    """Run the Python file `path` as a module, once for each content, and return the module's name.

    Its folder is put at the end of the import path, so that it may import files next to it.

    Raises
    ------
    InputError
        When it is missing, or raises while it is imported.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise MissingFile(f"plugin {path}", expected="a Python file", do="check the spelling")
    code = hashlib.sha256(file.read_bytes()).hexdigest()
    name = f"facedeblur_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if getattr(sys.modules.get(name), "__facedeblur_code__", None) == code:
        return name
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path}", expected="a Python file (.py)", found=f"suffix '{file.suffix}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise InputError(
            f"plugin {path} cannot be imported: {type(error).__name__}: {error}", do="correct the file"
        ) from error
    module.__dict__["__facedeblur_code__"] = code
    return name
