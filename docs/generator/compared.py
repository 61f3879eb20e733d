"""The methods that papers compare with: what runs here, and printed next to measured values."""

from __future__ import annotations

import re

import torch
from markup import code, prose, table

from facedeblur.methods.nets.base import NETS, make_network
from facedeblur.reports.compared import compared_in, other_rows
from facedeblur.reports.tables.published.compared import Compared, comparison
from facedeblur.reports.tables.published.values import Value, published

QUALITY = {
    "shen2020": "Table 10", "umsn": "Table III", "lin2020": "Table 1", "dfpgnet": "Table 5", "anand": "Table II",
    "zhang2024": "Table 11",
}  # fmt: skip
"""Paper -> the table of all its compared methods."""
WHOLE = {"shen2020": "Table 12", "dfpgnet": "Table 6"}
"""Paper -> the table that prints the parameters of all its networks."""
PROTOCOLS = {"zhang2024": "levin2009"}
"""Paper -> the name by which `facedeblur tables` knows it, where that is another."""
SHOWN = ("PSNR", "PSNR_average", "SSIM", "SSIM_average")
PARAMETERS = ("Parameters", "#Parameters")
HEAD = """# Compared methods

Every method that a table or figure of these papers names: what runs it here, from what, and with which weights. In the
shell, `facedeblur list methods --paper PAPER` says the same. Programs of other authors are run by TOML files in the
checkout's `examples/foreign`; each says how to get the program.
"""
MEASURED = """## Printed and measured

### Parameters

Parameters of the networks here, in their published configuration, next to what the papers print, which is often
megabytes. `facedeblur tables OUTPUTS --protocol shen2020 --table 12` shows those of your runs, and their run times.
"""
SCORES = """### Scores

Where nothing is measured, the reason is given for the paper, with the commands that put your results next to the
printed values. [Results of a processor](tutorials/processor.md) has small trainings of the papers' ablations.
"""


def pages() -> dict[str, str]:
    """Path -> Markdown of the page."""
    parts = [HEAD.strip()]
    for document, paper in published().sources.items():
        rows = [
            (prose(", ".join(place.names)), _runs(place.method), _linked(place.method.origin), place.where)
            for place in compared_in(document)
        ]
        parts.append(f"## {paper.short}\n\n{prose(paper.citation)}.")
        parts.append(table(("method", "runs as", "from", "printed in"), rows))
        if others := other_rows(document):
            parts.append("Other rows of its tables:")
            rows = [(one.where, prose(", ".join(one.names)), prose(one.what)) for one in others]
            parts.append(table(("table", "rows", "what they are"), rows))
    if rows := [
        (prose(one.citation), _runs(one), _linked(one.origin)) for one in comparison().method if not one.printed
    ]:
        parts += ["## Cited only", table(("method", "runs as", "from"), rows)]
    parts += [MEASURED.strip(), _parameters(), SCORES.strip()]
    for document, paper in published().sources.items():
        protocol, number = PROTOCOLS.get(document, document), QUALITY[document].removeprefix("Table ")
        parts.append(
            f"#### {paper.short}, {QUALITY[document]}\n\nMeasured values: {prose(comparison().why(document))}. "
            f"`facedeblur score SET OUTPUTS --protocol {protocol}`, then "
            f"`facedeblur tables OUTPUTS --protocol {protocol} --table {number}`."
        )
        parts.append(_scores(document))
    return {"compared.md": "\n\n".join(parts) + "\n"}


def _runs(one: Compared) -> str:
    if one.runs:
        return f"[{one.runs}](methods/{one.runs}.md)"
    return code(f"{one.program}.toml") if one.program else "not here"


def _linked(text: str) -> str:
    """Plain text as Markdown whose addresses are links."""
    return re.sub(r"https?://[^\s,;]+", r"<\g<0>>", prose(text))


def _parameters() -> str:
    rows = []
    for document, paper in published().sources.items():
        for place in compared_in(document):
            if place.method.runs not in NETS:
                continue
            for value in published().values:
                if (value.document, value.metric in PARAMETERS) != (document, True) or value.method not in place.names:
                    continue
                # The rows of an ablation are other networks.
                if not value.printed or value.table != WHOLE[document]:
                    continue
                count = _count(place.method.runs)
                notes = " ".join(note.text for note in value.notes)
                rows.append((f"{paper.short}, {value.table}", value.method, f"{value.printed} {value.unit}",
                             f"{count:,}", f"{count * 4 / 1e6:.1f}", prose(notes)))  # fmt: skip
    return table(("paper", "method", "printed", "counted here", "MB at fp32", "note"), rows)


def _count(net: str) -> int:
    with torch.device("meta"):
        return sum(each.numel() for each in make_network(net).parameters())


def _scores(document: str) -> str:
    rows = []
    for place in compared_in(document):
        values = [one for one in published().table(document, QUALITY[document]) if one.method in place.names]
        for method in dict.fromkeys(one.method for one in values):
            mine = [one for one in values if one.method == method and one.metric in SHOWN]
            notes = dict.fromkeys(note.text for one in mine for note in one.notes if note.finding != "condition")
            measured = comparison().measured_of(document, place.method.name)
            shown = "; ".join(one.values for one in measured)
            run = "; ".join(one.command for one in measured) or place.method.command
            rows.append((prose(method), _printed(mine), shown, code(run) if run else "", prose(" ".join(notes))))
    return table(("method", "printed", "measured", "runs by", "note"), rows)


def _printed(values: list[Value]) -> str:
    """``Helen 19.30 dB, 0.670; CelebA 18.38 dB, 0.672``."""
    found: dict[str, list[str]] = {}
    for one in values:
        place = " ".join(part for part in (one.dataset, one.condition) if part)
        found.setdefault(place, []).append(f"{one.printed} {one.unit}".strip())
    return "; ".join(f"{place} {', '.join(numbers)}".strip() for place, numbers in found.items())
