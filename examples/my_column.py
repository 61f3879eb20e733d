"""A column of the leaderboard, images per second: python my_column.py OUTPUTS..."""

from __future__ import annotations

import math
import sys

import facedeblur as fd
from facedeblur.reports.leaderboard.columns import COLUMNS, BoardColumn, Shown, Source


def images_per_second(one: Source) -> float:
    """How many images per second the method of a row restores, one at a time; NaN where it was not timed."""
    return 1 / one.method.seconds_per_image if one.method.seconds_per_image > 0 else math.nan


COLUMNS.append(
    BoardColumn("images_per_second", "number", "images restored per second, one at a time", images_per_second,
                csv="images_per_second", shown=Shown(page="Speed", terminal="images/s", unit="1/s"))
)  # fmt: skip

if __name__ == "__main__":
    print(fd.leaderboard(sys.argv[1:])[["method", "images_per_second"]])
    fd.report(sys.argv[1:], "report.html")
