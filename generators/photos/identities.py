"""Who is who in photographs of which no publisher says it: rules that a user gives, and guesses that look wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.words import many
from facedeblur.generators.photos.files import composed, identity_of

RULES = {"each": "each photograph its own", "folder": "the name of the folder", "name": "the name before _0001"}
"""Rules that have a name; every other rule is a regular expression."""
LEAST = 8
"""Photographs from which on a guess is judged by its largest identity."""
_NO_PEOPLE = re.compile(
    "train(ing)?|val(id|idation)?|test(ing)?|dev|eval|ima?ge?s?|photos?|pictures?|faces?|data(set)?|raw|jpe?g|png|crops?|"
    "aligned|sharp|blur(red)?|gt|lq|hq|input|target|male|female|[0-9]+",
    re.IGNORECASE,
)
"""Names of splits, kinds of files and numbers."""


def check_rule(rule: str) -> None:
    """Raise InputError unless `rule` is a name of `RULES` or a regular expression with one group."""
    if rule in RULES:
        return
    try:
        groups = re.compile(rule).groups
    except re.error as error:
        raise InputError(f"identity '{rule}'", f"not a regular expression ({error})", do=_CHOICES) from None
    if groups != 1:
        raise InputError(f"identity '{rule}'", expected="one group ( ), the identity", found=f"{groups}", do=_CHOICES)


_CHOICES = "use each, folder, name, or a pattern such as '([^_]+)_'"


def by_rule(sources: list[str], rule: str, place: str) -> dict[str, str]:
    """Identity by source.

    Parameters
    ----------
    sources : list of str
        Paths of photographs relative to their collection, forward slashes.
    rule : str
        ``each``, ``folder``, ``name``, or a regular expression that is searched for in the file's name, or in the whole
        path if it contains a slash; its group is the identity.
    place : str
        The collection, for messages.

    Raises
    ------
    InputError
        When the rule names no identity for some photograph.
    """
    people: dict[str, str] = {}
    for source in map(str, sources):
        path = PurePosixPath(composed(source))
        if rule == "each":
            people[source] = path.with_suffix("").as_posix().replace("/", "_")
        elif rule == "folder":
            people[source] = path.parent.name
        elif rule == "name":
            people[source] = identity_of(path.name)
        else:
            found = re.search(rule, path.as_posix() if "/" in rule else path.name)
            people[source] = (found[1] or "") if found else ""
    lost = [source for source, person in people.items() if not person]
    if lost:
        what = "are in no folder" if rule == "folder" else "do not match it"
        raise InputError(
            f"identity '{rule}'", f"{len(lost):,} of {len(people):,} photographs in {place} {what} ({lost[0]})",
            do="change the pattern, or leave them out with --match",
        )  # fmt: skip
    return people


def check_guess(people: Mapping[str, str], place: str) -> None:
    """Raise InputError if identities that were guessed from names do not look like people.

    Parameters
    ----------
    people : mapping of str to str
        Identity by source.
    place : str
        The collection, for messages.
    """
    counts = Counter(people.values())
    if not counts:
        return
    name, largest = min(counts.items(), key=lambda item: (-item[1], item[0]))
    shared = [one for one, count in counts.items() if count > 1]
    odd = next((one for one in shared if _NO_PEOPLE.fullmatch(one)), "")
    if len(people) >= LEAST and 2 * largest > len(people):
        why = f"'{name}' would have {largest:,} of them"
    elif odd:
        why = f"'{odd}' does not look like a person"
    else:
        return
    number = many(len(counts), "identity", "identities")
    raise InputError(
        place, f"the names of its {len(people):,} photographs suggest {number}, and {why}",
        do="say who is who: --identity each (each photograph its own), folder, name (before _0001), or a pattern such "
        "as '([^_]+)_'; or --list",
    )  # fmt: skip
