"""How numbers are written for people, alike on the terminal, in the report and in plots."""

from __future__ import annotations

import math

from facedeblur.benchmark.scoring.table import Column

NONE = "—"
_DIGITS = {"dB": 2, "fraction": 2}


def heading(column: Column) -> str:
    """Label with direction and unit, e.g. ``PSNR ↑ dB``."""
    return " ".join(part for part in (column.label, arrow(column), unit(column)) if part)


def arrow(column: Column) -> str:
    """``↑`` where higher is better, else ``↓``."""
    return "↑" if column.higher_is_better else "↓"


def unit(column: Column) -> str:
    """The unit as printed: fractions are shown in per cent."""
    return "%" if column.unit == "fraction" else column.unit


def scale(column: Column) -> float:
    """What a value is multiplied with for printing: fractions are shown in per cent."""
    return 100.0 if column.unit == "fraction" else 1.0


def value(number: float | None, column: Column) -> str:
    """One value of a metric: 2 decimals for dB and per cent, else 4; ``∞`` and ``—`` where there is no digit."""
    if number is None or math.isnan(number):
        return NONE
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    text = f"{number * scale(column):.{_DIGITS.get(column.unit, 4)}f}"
    # A rounded zero has no sign, and a minus is as wide as a digit.
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def plain(number: float) -> str:
    """A number that stands for itself, such as what a failure counts as: ``0``, ``−1``, ``∞``."""
    return f"{number:g}".replace("-", "−").replace("inf", "∞")


def between(low: float, high: float, column: Column) -> str:
    """An interval of a metric: ``[25.9, 26.9]``, one decimal less than a value where that tells its ends apart."""
    digits = _DIGITS.get(column.unit, 4) - 1
    digits += (high - low) * scale(column) < 5 * 10.0**-digits
    ends = [f"{end * scale(column):.{digits}f}" for end in (low, high)]
    return f"[{', '.join(end.lstrip('-') if float(end) == 0 else end.replace('-', '−') for end in ends)}]"


def count(number: int) -> str:
    """7998 -> ``7,998``."""
    return f"{number:,}"


def coverage(ok: int, total: int) -> str:
    """``7,998/8,000``: how many pairs have an output that could be scored."""
    return f"{ok:,}/{total:,}"


def seconds(number: float | None) -> str:
    """Seconds to three significant digits, never in exponents; below a tenth of a millisecond ``<0.0001``."""
    if number is None or math.isnan(number):
        return NONE
    if 0 < number < 1e-4:
        return "<0.0001"
    return _three(number)


def amount(number: float | None, suffix: str = "") -> str:
    """A large count in k, M or G to three significant digits: 12345678 -> ``12.3 M``."""
    if number is None or math.isnan(number):
        return NONE
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999,500 would be written 1000 k.
        if number >= limit * 0.9995:
            return f"{_three(number / limit)} {letter}{suffix}"
    return f"{number:.0f} {suffix}".rstrip()


def _three(number: float) -> str:
    """Three significant digits without an exponent; all digits before the point."""
    rounded = float(f"{number:.3g}")
    if rounded == 0 or rounded >= 100:
        return f"{number:.0f}"
    return f"{number:.{2 - math.floor(math.log10(rounded))}f}"
