"""What the toolkit says when its input is not usable: one line, four facts."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

MOST = 24
"""Names that are listed where none is near."""


class InputError(ValueError):
    """Input that cannot be used, told in one line.

    Parameters
    ----------
    what : str
        The file, option or item at fault.
    expected, found : str, optional
        What was needed there and what was there instead.
    do : str, optional
        What the user does next.
    """

    def __init__(self, what: str, *, expected: str | None = None, found: str | None = None, do: str | None = None):
        self.what, self.expected, self.found, self.do = what, expected, found, do
        text = f"{what}: {self.reason}" if expected or found else what
        super().__init__(" ".join(f"{text}; {do}".split()) if do else " ".join(text.split()))

    @property
    def reason(self) -> str:
        """What is wrong, without where (``expected A, found B``), or the whole sentence if there are no such facts."""
        facts = [f"expected {self.expected}" if self.expected else "", f"found {self.found}" if self.found else ""]
        return ", ".join(fact for fact in facts if fact) or self.what

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders; keyword-only arguments need help there.
        return (_rebuild, (type(self), self.what, self.expected, self.found, self.do))


class MissingFile(InputError):
    """A file or folder that is missing.

    Parameters
    ----------
    what : str or Path
        Where it should be.
    expected : str
        What should be there.
    found : str
        What is there instead; by default nothing.
    do : str, optional
        What the user does next.
    """

    def __init__(
        self,
        what: str | Path,
        *,
        expected: str | None = None,
        found: str | None = "nothing there",
        do: str | None = None,
    ):
        super().__init__(str(what), expected=expected, found=found, do=do)


def _rebuild(kind: type[InputError], what: str, expected: str | None, found: str | None, do: str | None) -> InputError:
    return kind(what, expected=expected, found=found, do=do)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the nearest of `known`, or the list of them, cut where it is long.

    Parameters
    ----------
    word : str
        What was written.
    known : iterable of str
        What would have been understood.
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    rest = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"known: {', '.join(names[:MOST]) or 'none'}{rest}"


def need(module: str, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted name to import.
    extra : str
        The extra of ``setup.cfg`` that installs it.

    Raises
    ------
    InputError
        When the package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"package '{error.name or module}' is not installed", do=f"run: pip install 'facedeblur[{extra}]'"
        ) from error


def explain(error: OSError) -> InputError:
    """Turn an operating-system error into the line a user can act on."""
    where = str(error.filename or "output")
    advice = {
        errno.ENOSPC: ("room to write", "the disk full", "free some space and run the same command again"),
        errno.EDQUOT: ("room to write", "the quota used up", "free some space and run the same command again"),
        errno.EACCES: ("access", "permission denied", "choose another folder or change its permissions"),
        errno.EROFS: ("a writable folder", "a read-only file system", "choose another output folder"),
        errno.ENOENT: ("an existing path", "nothing there", "check the spelling"),
        errno.ENOTDIR: ("a folder", "a file", "give the folder"),
        errno.EISDIR: ("a file", "a folder", "give the file"),
    }
    expected, found, do = advice.get(
        error.errno or 0, ("to read or write it", error.strerror or str(error), "check the path and run again")
    )
    return InputError(where, expected=expected, found=found, do=do)
