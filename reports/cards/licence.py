"""The licence of a set's faces, as its sources state it or as whoever publishes the set does; it is never guessed.

Identifiers are those of the Hugging Face Hub (huggingface/hub-docs, ``docs/hub/repositories-licenses.md``) that are
meant for data or are common on pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.photos.collection import NOT_STATED
from facedeblur.reports.hub import safe_name

OTHER, UNKNOWN = "other", "unknown"

_CC = "https://creativecommons.org"
_BY = {"by": "2.0 2.5 3.0 4.0", "by-sa": "3.0 4.0", "by-nc": "2.0 3.0 4.0", "by-nd": "4.0",
       "by-nc-nd": "3.0 4.0", "by-nc-sa": "2.0 3.0 4.0"}  # fmt: skip
_WORDS = {"by": "Attribution", "sa": "ShareAlike", "nc": "NonCommercial", "nd": "NoDerivatives"}

KNOWN: dict[str, tuple[str, str]] = {
    "cc0-1.0": ("Creative Commons Zero 1.0 Universal", f"{_CC}/publicdomain/zero/1.0/"),
    **{
        f"cc-{kind}-{version}": (
            f"Creative Commons {'-'.join(_WORDS[word] for word in kind.split('-'))} {version}",
            f"{_CC}/licenses/{kind}/{version}/",
        )
        for kind, versions in _BY.items()
        for version in versions.split()
    },
    "pddl": ("Open Data Commons Public Domain Dedication and License", "https://spdx.org/licenses/PDDL-1.0"),
    "odc-by": ("Open Data Commons Attribution License", "https://spdx.org/licenses/ODC-By-1.0"),
    "odbl": ("Open Database License", "https://spdx.org/licenses/ODbL-1.0"),
    "cdla-permissive-1.0": (
        "Community Data License Agreement, Permissive 1.0", "https://spdx.org/licenses/CDLA-Permissive-1.0"),
    "cdla-permissive-2.0": (
        "Community Data License Agreement, Permissive 2.0", "https://spdx.org/licenses/CDLA-Permissive-2.0"),
    "cdla-sharing-1.0": ("Community Data License Agreement, Sharing 1.0", "https://spdx.org/licenses/CDLA-Sharing-1.0"),
    "c-uda": ("Computational Use of Data Agreement", "https://spdx.org/licenses/C-UDA-1.0"),
    "etalab-2.0": ("Etalab Open License 2.0", "https://spdx.org/licenses/etalab-2.0"),
    "unlicense": ("The Unlicense", "https://spdx.org/licenses/Unlicense"),
    "mit": ("MIT License", "https://spdx.org/licenses/MIT"),
    "apache-2.0": ("Apache License 2.0", "https://spdx.org/licenses/Apache-2.0"),
}  # fmt: skip
"""Identifier -> name and address."""

_RESTRICTED = re.compile(r"no[ -]?(redistribution|derivati)|research|non[ -]?commercial|belong to", re.IGNORECASE)
_ATTRIBUTION = re.compile(r"\bcc[ -](by(?:[ -](?:nc|nd|sa))*)[ -]?v?(\d\.\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Licence:
    """A licence as a card states it.

    Attributes
    ----------
    identifier : str
        Of the Hub; ``other`` for one that it has no identifier for.
    name : str
        Its name, or what the source says in its own words.
    url : str
        Address of its text; empty if not known.
    """

    identifier: str
    name: str
    url: str = ""

    @property
    def shareable(self) -> bool:
        """Whether it lets others pass on blurred copies of the photographs."""
        if self.identifier in KNOWN:
            return "-nd" not in self.identifier
        return not _RESTRICTED.search(self.name)

    def front_matter(self) -> dict[str, str]:
        """The fields of a card of the Hub."""
        if self.identifier != OTHER:
            return {"license": self.identifier}
        return {"license": OTHER, "license_name": safe_name(self.name.lower(), "see-card")[:80].strip("-."),
                "license_link": "LICENSE"}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Photographs of a set.

    Attributes
    ----------
    collection : str
        What the set says of them.
    stated : str
        Their licence in the words of the set; ``not stated`` where it has none.
    licence : Licence or None
        None where it is not stated.
    """

    collection: str
    stated: str
    licence: Licence | None

    @property
    def shareable(self) -> bool:
        """Whether the photographs may be passed on, as far as the set knows: what is not stated is not forbidden."""
        return self.licence is None or self.licence.shareable


def known(text: str) -> Licence | None:
    """Return the licence that a text names by its identifier or usual name; None if it names none, or several."""
    words, found = text.strip().lower(), set[str]()
    if words in KNOWN:
        found.add(words)
    if re.search(r"\bcc[ -]?0\b|creative commons zero", words):
        found.add("cc0-1.0")
    for kind, version in _ATTRIBUTION.findall(words):
        found.add(f"cc-{'-'.join(kind.replace(' ', '-').split('-'))}-{version}")
    named = [one for one in sorted(found) if one in KNOWN]
    return Licence(named[0], *KNOWN[named[0]]) if len(named) == len(found) == 1 else None


def sources(info: Mapping[str, Any]) -> list[Source]:
    """Return where the photographs of a set are from, by its ``set.json``."""
    found = []
    for one in info.get("sources", []):
        stated = str(one.get("licence") or NOT_STATED)
        told = str(one.get("collection") or one.get("folder") or one.get("name") or "photographs")
        told = re.sub(r"; licence: .*?(?=; pseudo-labels by |$)", "", told)
        if stated.lower().startswith(NOT_STATED):
            found.append(Source(told, stated, None))
        else:
            found.append(Source(told, stated, known(stated) or Licence(OTHER, stated)))
    return found


def decide(given: str, of: Sequence[Source], name: str) -> Licence:
    """Return the licence of a set: the one that is given, or the one that all its sources state.

    Parameters
    ----------
    given : str
        An identifier of the Hub, the usual name of a licence, or a licence in words; empty if none is given.
    of : sequence of Source
    name : str
        Of the set, for messages.

    Raises
    ------
    InputError
        When none is given and the sources state none, or several; when a single word is given that is no identifier.
    """
    if given.strip():
        return _given(given.strip())
    stated = {source.licence for source in of}
    if len(stated) == 1 and (only := next(iter(stated))) is not None:
        return only
    do = "state it with --licence, such as cc-by-4.0; --licence unknown says that nobody knows it"
    if not stated or None in stated:
        silent = [source.collection for source in of if source.licence is None]
        where = f" ({'; '.join(silent)})" if silent else ""
        raise InputError(f"set '{name}' does not state the licence of its photographs{where}", do=do)
    told = "; ".join(dict.fromkeys(source.stated for source in of))
    raise InputError(f"set '{name}' has photographs of several licences ({told})", do=do)


def _given(text: str) -> Licence:
    if found := known(text):
        return found
    if text.lower() == UNKNOWN:
        return Licence(UNKNOWN, "The licence is not known")
    if " " not in text:
        advice = suggest(text.lower(), [*KNOWN, UNKNOWN])
        raise InputError(
            f"--licence {text}", expected="an identifier of the Hugging Face Hub, or a licence in words",
            found="neither", do=advice,
        )  # fmt: skip
    return Licence(OTHER, text)


def check_shareable(of: Sequence[Source], name: str) -> None:
    """Refuse to copy photographs whose source forbids to pass them on.

    Raises
    ------
    InputError
        When one does, or allows research alone.
    """
    for source in of:
        if not source.shareable:
            raise InputError(
                f"the photographs of set '{name}' may not be passed on ({source.collection}: {source.stated})",
                do="write the texts alone with --no-images; whoever has the photographs can build the set from them",
            )
