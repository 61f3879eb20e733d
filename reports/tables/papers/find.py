"""The tables of every paper, and how one is found by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facedeblur.benchmark.options import one_of
from facedeblur.reports.tables.layouts import Layout
from facedeblur.reports.tables.papers.anand import ANAND
from facedeblur.reports.tables.papers.dfpgnet import DFPGNET
from facedeblur.reports.tables.papers.levin2009 import LEVIN
from facedeblur.reports.tables.papers.lin2020 import LIN
from facedeblur.reports.tables.papers.shen2020 import SHEN
from facedeblur.reports.tables.papers.umsn import UMSN

PAPERS: Mapping[str, tuple[Layout, ...]] = {
    "shen2020": SHEN, "umsn": UMSN, "lin2020": LIN, "dfpgnet": DFPGNET, "anand": ANAND, "levin2009": LEVIN,
}  # fmt: skip
"""Paper -> its tables."""

_ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII"}


def layouts(protocol: str, numbers: Sequence[str] | str = ()) -> tuple[Layout, ...]:
    """The tables of a paper, or those with these numbers (``10``, ``IV``, ``4`` for ``IV``, ``2.1`` for a section).

    Raises
    ------
    InputError
        When there is no such paper or table.
    """
    one_of("paper", protocol, PAPERS)
    by_number = {layout.number: layout for layout in PAPERS[protocol]}
    chosen = []
    for number in [numbers] if isinstance(numbers, str) else map(str, numbers):
        wanted = number.removeprefix("Table ").removeprefix("Section ").upper()
        if wanted not in by_number and wanted.isdigit():
            wanted = _ROMAN.get(int(wanted), wanted)
        chosen.append(by_number[one_of("table", wanted, by_number, of=protocol)])
    return tuple(dict.fromkeys(chosen)) if chosen else PAPERS[protocol]
