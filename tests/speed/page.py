"""The page of benchmarks: the machine, the versions, and a row per ratio."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common import NotMeasured, Ratio, Row
from llvmlite import binding

from facedeblur.methods.running.environment import processor, versions

PACKAGES = ("facedeblur", "numpy", "scipy", "numba", "opencv-python", "torch", "pandas", "pyarrow", "scikit-image")

BEGIN, END = "<!-- measured -->", "<!-- end of what is measured -->"
HEAD = """# Benchmarks

How fast facedeblur is compared with what people use for the same work. `make bench` installs the peers (the extra
`bench`), measures everything and writes this page. `python tests/speed/run.py metrics` prints the rows of one file in
`tests/speed` and writes nothing.

- Ours and the peer run in turn in the same process, A B A B ..., after one round that is discarded.
- The ratio is the peer's time divided by ours: the median over the rounds. Above 1, ours is faster. The spread is the
  lowest and the highest ratio of a single round.
- Everything runs on one thread unless a row says otherwise. Where a row names one kernel, image or pair, times are for
  one.
- Where the peer is a time that a paper prints, that time is of the paper's machine.
"""


@dataclass(frozen=True)
class Section:
    """What one bench file measured: its title, what it does, and its rows."""

    title: str
    text: str
    rows: list[Row]


def named(peer: str) -> str:
    """A peer with the version of every package in braces."""

    def told(match: re.Match[str]) -> str:
        try:
            return f"{match[1]} {version(match[1])}"
        except PackageNotFoundError:
            return match[1]

    return re.sub(r"{([^}]+)}", told, peer)


def amount(value: float, unit: str) -> str:
    """A value with three digits; seconds in the unit that suits them."""
    if unit == "s" and value < 1:
        value, unit = (value * 1e3, "ms") if value >= 1e-3 else (value * 1e6, "µs")
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def factor(ratio: float) -> str:
    """A ratio with three digits at most."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def machine() -> list[tuple[str, str]]:
    """Facts about this machine: nothing that names it."""
    features = binding.get_host_cpu_features()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wide = "with AVX-512" if features.get("avx512f") else "without AVX-512"
    return [
        ("processor", f"{processor()} ({binding.get_host_cpu_name()} to LLVM), {os.cpu_count()} cores, {wide}"),
        ("memory", f"{memory / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
    ]


def busy() -> float:
    """How many jobs compete for the processors on average over the last minute."""
    return os.getloadavg()[0]


def cells(row: Row) -> tuple[str, ...]:
    """A row as the table shows it."""
    if isinstance(row, NotMeasured):
        return row.what, f"not measured: {row.reason}", "", "", "", "", "", ""
    spread = f"{factor(row.spread[0])} to {factor(row.spread[1])}" if row.spread else ""
    wanted, met = (factor(row.at_least), "yes" if row.met else "**no**") if row.at_least else ("", "")
    ours, theirs = amount(row.ours_s, row.unit), amount(row.peer_s, row.unit)
    return row.what, named(row.peer), ours, theirs, factor(row.value), spread, wanted, met


def table(rows: Sequence[Sequence[str]], align: Sequence[str]) -> list[str]:
    """Lines of a Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "| " + " | ".join(align) + " |", *lines[1:], ""]


def facts(load: float) -> list[tuple[str, str]]:
    """What a reader has to know of a measurement: date, machine, load before it (of `busy`), versions."""
    shared = "; other work ran at the same time, so times are longer than they need be" if load > 0.3 else ""
    return [
        ("date", datetime.date.today().isoformat()),
        *machine(),
        ("load before the start", f"{load:.1f} on {os.cpu_count()} cores{shared}"),
        ("versions", ", ".join(f"{name} {found}" for name, found in versions(PACKAGES).items())),
    ]


def fill_in(file: Path, text: str) -> None:
    """Replace what stands between `BEGIN` and `END` in a page, and nothing else."""
    head, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert begin and end, f"{file}: {BEGIN} or {END} is missing"
    file.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def page(sections: Sequence[Section], *, load: float) -> str:
    """The whole page as Markdown.

    Parameters
    ----------
    sections : sequence of Section
    load : float
        Of `busy`, before the first measurement.
    """
    rows = [row for section in sections for row in section.rows]
    ratios = [row for row in rows if isinstance(row, Ratio)]
    wanted = [row for row in ratios if row.at_least]
    told = f"{sum(row.met for row in wanted)} of {len(wanted)} targets are met"
    if len(rows) > len(ratios):
        told += f"; not measured: {len(rows) - len(ratios)}"
    text = [HEAD, "## This run\n", *table([("", ""), *facts(load), ("result", told)], ("---", "---"))]
    head = ("what", "peer", "ours", "peer's", "ratio", "spread", "at least", "met")
    for section in sections:
        text += [f"## {section.title}\n", f"{section.text}\n"]
        text += table([head, *map(cells, section.rows)], ("---",) * 2 + ("---:",) * 5 + ("---",))
    return "\n".join(text).rstrip("\n") + "\n"
