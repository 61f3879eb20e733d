"""The page of benchmarks: the machine, the versions, and a row per ratio."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from common import NotMeasured, Ratio, Row
from llvmlite import binding

from facedeblur.methods.running.environment import processor, versions

PACKAGES = ("facedeblur", "numpy", "scipy", "numba", "opencv-python", "torch", "pandas", "pyarrow", "scikit-image")

HEAD = """# Benchmarks

How fast facedeblur is next to what people use for the same work. `make bench` installs the peers, measures everything
and writes this page; `python tests/speed/run.py metrics` prints the rows of one file in `tests/speed` instead.

- Ours and the peer do the same work in the same process, in turn: A B A B ..., after one round that does not count.
- The ratio is the peer's time divided by ours, the median over the rounds; the spread is the lowest and the highest
  ratio of a round. Above 1, we are faster.
- One thread, except where a row says otherwise. Times are for one item (kernel, image, pair) where a row names one.
- Where the peer is a time that a paper prints, it is of the paper's machine, and the ratio is no comparison of code.
"""


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
        return row.target, row.what, "", "", "", "", "", "", f"not measured: {row.reason}"
    spread = f"{factor(row.spread[0])} to {factor(row.spread[1])}" if row.spread else ""
    wanted, met = (factor(row.at_least), "yes" if row.met else "**no**") if row.at_least else ("", "")
    times = amount(row.ours_s, row.unit), amount(row.peer_s, row.unit)
    return row.target, row.what, named(row.peer), *times, factor(row.value), spread, wanted, met


def line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


def page(rows: Sequence[Row], *, load: float, today: Callable[[], datetime.date] = datetime.date.today) -> str:
    """The whole page as Markdown.

    Parameters
    ----------
    rows : sequence of Row
    load : float
        Of `busy`, before the first measurement.
    """
    cores = os.cpu_count() or 1
    facts = [("date", today().isoformat()), *machine()]
    shared = ", so it was shared with other work and times are longer than they need be" if load > 0.3 else ""
    facts += [("load before the start", f"{load:.1f} on {cores} cores{shared}")]
    facts += [("versions", ", ".join(f"{name} {found}" for name, found in versions(PACKAGES).items()))]
    missed = sum(isinstance(row, Ratio) and not row.met for row in rows)
    measured = sum(isinstance(row, Ratio) for row in rows)
    head = ("target", "what", "peer", "ours", "peer's", "ratio", "spread", "at least", "met")
    align = ("---",) * 3 + ("---:",) * 5 + ("---",)
    text = [HEAD, "## This run\n", line(("", "")), line(("---", "---")), *(line(fact) for fact in facts), ""]
    text += [f"{measured} ratios, {missed} below their target; {len(rows) - measured} rows could not be measured.\n"]
    text += [line(head), line(align), *(line(cells(row)) for row in rows)]
    return "\n".join(text) + "\n"
