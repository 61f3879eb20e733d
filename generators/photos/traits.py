"""Traits of photographs: from the lists of their publisher, and from a ``traits.csv`` next to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.sets.traits import FILE, NO_TRAITS, Traits, check_value, merged, read_traits
from facedeblur.generators.photos.collection import Collection
from facedeblur.generators.photos.files import canonical
from facedeblur.generators.photos.lists import named_table

COLUMN = "file"
"""The column of ``traits.csv`` that names the photograph, by its path relative to the file."""


def traits_of(collection: Collection) -> Traits:
    """What is known of the photographs of a collection, by their path; an empty table if nothing is.

    Raises
    ------
    InputError
        When a table cannot be used: it names a photograph that is missing, or one twice, or has a trait that the
        publisher's lists have, too.
    """
    keys = [key for key, _ in collection.parts] or [""]
    tables = []
    for key, one in zip(keys, collection.each(), strict=True):
        known = merged(_tables_of(one))
        names = {canonical(p.source): f"{key}/{p.source}" if key else p.source for p in one.photographs}
        tables.append(known.renamed(names))
    return merged(tables)


def _tables_of(collection: Collection) -> list[Traits]:
    sources = [photograph.source for photograph in collection.photographs]
    published = collection.traits(sources) if collection.traits is not None else NO_TRAITS
    published = published.renamed({source: canonical(source) for source in published.rows})
    file = collection.root / FILE
    if not file.exists():
        return [published]
    own = read_traits(file, COLUMN, clean=canonical)
    both = sorted(set(own.names) & set(published.names))
    if both:
        raise InputError(str(file), f"the collection has a trait '{both[0]}', too", do="rename the column")
    known = {canonical(photograph.source) for photograph in collection.photographs}
    for source in own.rows:
        if source not in known and not inside(collection.root, source, links=True).is_file():
            raise InputError(
                str(file), f"'{source}' is not a file in {collection.root}", do="correct or remove the line"
            )
    return [published, own]


def published_traits(lists: Sequence[Path], sources: Sequence[str]) -> Traits:
    """Traits from the lists of CelebA and CelebAMask-HQ.

    Parameters
    ----------
    lists : sequence of Path
        Tables with named columns: attributes, 1 or -1, or the pose in degrees (``Yaw``, ``Pitch`` and ``Raw``, as
        CelebAMask-HQ calls the roll).
    sources : sequence of str
        Paths of the photographs; the lists have their names, with ``.jpg`` for PNG files too.

    Raises
    ------
    InputError
        When a list has another form, or an angle is not a finite number.
    """
    names = {f"{source.rpartition('/')[2].rpartition('.')[0]}.jpg": source for source in sources}
    return merged(_published(path, names) for path in lists)


_ANGLES = {"yaw": "yaw", "pitch": "pitch", "raw": "roll", "roll": "roll"}
_SIGNS = {"1": "1", "-1": "0", "0": "0"}


def _published(path: Path, names: Mapping[str, str]) -> Traits:
    heading, table = named_table(path)
    angles = [_ANGLES[name.lower()] for name in heading if name.lower() in _ANGLES]
    pose = len(angles) == len(heading)
    rows: dict[str, tuple[str, ...]] = {}
    for photograph, fields in table:
        source = names.get(photograph)
        if source is None:
            continue
        where = f"{path}: {photograph}"
        if source in rows:
            raise InputError(where, "listed twice", do="download it again")
        if pose:
            for name, text in zip(angles, fields, strict=True):
                check_value(where, name, text)
            rows[source] = tuple(fields)
        elif unknown := sorted(set(fields) - _SIGNS.keys()):
            raise InputError(where, expected="1 or -1", found=f"'{unknown[0]}'", do="download it again")
        else:
            rows[source] = tuple(_SIGNS[field] for field in fields)
    return Traits(tuple(angles if pose else heading), rows)
