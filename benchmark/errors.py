"""Errors that a user can cause: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

MOST = 24
"""Largest number of names that are listed when none is similar."""

MOST_FOUND, MOST_LINE = 400, 2500
"""Characters of what was found, and of its whole line, that an error shows."""


def one_line(text: str) -> str:
    """Return `text` in one line, without what a terminal would obey: escape sequences, marks that turn text around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shorten(text: str, most: int = 160) -> str:
    """Return `text` in one line of at most `most` characters, cut in its middle: the cause is often at the end.

    Examples
    --------
    >>> from facedeblur.benchmark.errors import shorten
    >>> shorten("RuntimeError: the first of many words, and the last", 30)
    'RuntimeError: ... and the last'
    """
    line = one_line(text)
    if len(line) <= most:
        return line
    tail = (most - 5) // 2
    return f"{line[: most - 5 - tail].rstrip()} ... {line[-tail:].lstrip()}"


class InputError(ValueError):
    """Input that cannot be used, described in one line.

    A wrong value is described by `expected` and `found`, anything else by `problem`.

    Parameters
    ----------
    what : str
        The file, option or item at fault; or the whole sentence.
    problem : str, optional
        What is wrong with it, as in ``the file is empty``.
    expected, found : str, optional
        The value that is needed, and the one that was given.
    do : str, optional
        What the user can do about it.
    """

    def __init__(
        self,
        what: str,
        problem: str | None = None,
        *,
        expected: str | None = None,
        found: str | None = None,
        do: str | None = None,
    ):
        found = shorten(found, MOST_FOUND) if found else found
        self.what, self.problem, self.expected, self.found, self.do = what, problem, expected, found, do
        text = f"{what}: {self.reason}" if problem or expected or found else what
        super().__init__(shorten(f"{text}; {do}" if do else text, MOST_LINE))

    @property
    def reason(self) -> str:
        """What is wrong, without the place: the problem, or ``expected A, found B``, or the whole sentence."""
        if self.problem:
            return self.problem
        facts = [f"expected {self.expected}" if self.expected else "", f"found {self.found}" if self.found else ""]
        return ", ".join(fact for fact in facts if fact) or self.what

    def __reduce__(self) -> tuple[object, ...]:
        # Errors are pickled on their way from a worker process, which calls them with positional arguments only.
        return (_rebuild, (type(self), self.what, self.problem, self.expected, self.found, self.do))


def said_by(error: BaseException) -> str:
    """Return what an exception says, in one line: its kind and its text, of a trace in the text the last line.

    Examples
    --------
    >>> from facedeblur.benchmark.errors import said_by
    >>> said_by(KeyError("x"))
    "KeyError: 'x'"
    """
    if isinstance(error, InputError):
        return str(error)
    kind, text = type(error).__name__, str(error).strip()
    lines = text.splitlines()
    if any("Traceback" in line for line in lines[:-1]):
        text = lines[-1].strip()
    named = re.match(r"[\w.]*(Error|Exception):", text)
    return shorten(text if named else f"{kind}: {text}", MOST_FOUND)


class MissingFile(InputError):
    """A file or folder that does not exist.

    Parameters
    ----------
    what : str or Path
        Its path.
    problem : str, optional
        What is wrong; by default that nothing was found, with what was expected there.
    expected : str, optional
        What kind of file or folder it should be.
    do : str, optional
        What the user can do about it.
    """

    def __init__(
        self, what: str | Path, problem: str | None = None, *, expected: str | None = None, do: str | None = None
    ):
        missing = f"not found (expected {expected})" if expected else "not found"
        super().__init__(str(what), problem or missing, do=do)


def _rebuild(kind: type[InputError], what: str, problem: str | None, *facts: str | None) -> InputError:
    expected, found, do = facts
    if issubclass(kind, MissingFile):
        return kind(what, problem, do=do)
    return kind(what, problem, expected=expected, found=found, do=do)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the most similar known word, or a list of the known words if none is similar.

    Parameters
    ----------
    word : str
        The unknown word.
    known : iterable of str
        The accepted words; at most 24 of them are listed.
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    rest = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return f"known: {', '.join(names[:MOST]) or 'none'}{rest}"


def need(module: str, extra: str) -> ModuleType:
    """Import an optional package, or raise an error that says which extra installs it.

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
    """Turn an error of the operating system into one line that a user can act on."""
    where = str(error.filename or "output")
    space = "free some space and run the same command again"
    advice = {
        errno.ENOSPC: ("the disk is full", space),
        errno.EDQUOT: ("the disk quota is used up", space),
        errno.EACCES: ("permission denied", "change its permissions or choose another path"),
        errno.EPERM: ("permission denied", "change its permissions or choose another path"),
        errno.EROFS: ("the file system is read-only", "choose another output folder"),
        errno.ENOENT: ("not found", "check the spelling"),
        errno.ENOTDIR: ("a part of the path is a file, not a folder", "check the path"),
        errno.EISDIR: ("this is a folder, a file is needed", "give a file"),
        errno.EEXIST: ("this file or folder already exists", "choose another path"),
        errno.ENAMETOOLONG: ("the file name is too long", "choose a shorter one"),
        errno.EMFILE: ("too many open files", "raise the limit (ulimit -n) and run the same command again"),
    }
    problem, do = advice.get(
        error.errno or 0, (error.strerror or str(error), "check the path and run the same command again")
    )
    return InputError(where, problem, do=do)
