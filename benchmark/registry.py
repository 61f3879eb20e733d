"""One registry for everything that has a name: methods, metrics, readers, face providers.

An entry is an object, or the place where it lives (``"package.module:attribute"``), which is
imported when the entry is first asked for. Other packages add entries through entry points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from facedeblur.benchmark.errors import InputError, suggest

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind.

    Parameters
    ----------
    kind : str
        What an entry is, in the singular: it stands in the error lines.
    group : str, optional
        Entry-point group through which other packages add entries.
    """

    def __init__(self, kind: str, *, group: str | None = None):
        self.kind, self.group = kind, group
        self.broken: dict[str, str] = {}
        self._entries: dict[str, T | str] = {}
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
        if old is not None and old is not thing and not self._same_place(old, thing):
            raise InputError(f"{self.kind} '{name}'", expected="a new name", found="one that is taken", do="rename it")
        self._entries[name] = thing

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
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._read_plugins()
        return iter(sorted(self._entries))

    def get(self, name: str) -> T:
        """Return the entry called `name`.

        Raises
        ------
        InputError
            When there is none (with the nearest name), or its module does not import.
        """
        self._read_plugins()
        if name not in self._entries:
            raise InputError(f"{self.kind} '{name}'", expected="a registered name", do=suggest(name, self._entries))
        entry = self._entries[name]
        if isinstance(entry, str):
            entry = self._resolve(name, entry)
            self._entries[name] = entry
        return entry

    def _resolve(self, name: str, place: str) -> T:
        module, _, attribute = place.partition(":")
        try:
            return cast(T, getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            raise InputError(
                f"{self.kind} '{name}'", expected=f"'{place}' to import", found=str(error), do="install what it needs"
            ) from error

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        for point in entry_points(group=cast(str, self.group)):
            try:
                self.add(point.name, cast(Any, point.value))
            except InputError as error:
                self.broken[point.name] = str(error)
