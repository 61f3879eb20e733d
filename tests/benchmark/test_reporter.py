"""What a job reports to: a reporter as it is, bars on request or in a notebook, else nothing."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from facedeblur.benchmark.reporter import SILENT, Reporter, in_notebook, reporting

LINE = "a [bold] line :cat: of more than eighty letters is not wrapped, whatever the width of the terminal is"


def test_scripts_are_silent_unless_asked(capsys):
    assert not in_notebook()
    for progress in (None, False):
        with reporting(progress) as reporter:
            assert reporter is SILENT
    with reporting(True) as reporter:
        reporter.progress("scoring", 1, 2)
        reporter.say(LINE)
    out, err = capsys.readouterr()
    assert out == "" and err == LINE + "\n"


def test_a_reporter_is_passed_through():
    seen = []
    with reporting(Reporter(lambda *told: seen.append(told), seen.append)) as reporter:
        reporter.progress("scoring", 1, 2)
        reporter.say("a line")
    assert seen == [("scoring", 1, 2, ""), "a line"]


@pytest.fixture
def kernel(monkeypatch):
    """A notebook's kernel that keeps what a cell shows: one entry per display, with its latest content."""
    cells: list[str] = []

    def display(html, display_id):
        at = len(cells)
        cells.append(html)
        return SimpleNamespace(update=lambda html: cells.__setitem__(at, html))

    shell = SimpleNamespace(kernel=object())
    fake = SimpleNamespace(HTML=str, display=display, DisplayHandle=object)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    return cells


def test_bars_appear_in_a_notebook_by_themselves(kernel):
    assert in_notebook()
    with reporting(None) as reporter:
        for done in range(101):
            reporter.progress("scoring <1>", done, 100, "2 left")
        reporter.say("one & two")
    (shown,) = kernel
    assert '<progress value="100" max="100">' in shown and "scoring &lt;1&gt; 100/100, 0 s 2 left" in shown
    assert shown.endswith("one &amp; two")


def test_a_stage_lasts_from_the_end_of_the_one_before_it(kernel, monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("facedeblur.benchmark.reporter.time.monotonic", lambda: next(clock))
    with reporting(None) as reporter:
        reporter.progress("aligning", 2, 2)
        reporter.progress("blurring", 160, 160)
    lines = kernel[0].split("<br>")
    assert [line.rpartition("</progress> ")[2].partition(",")[0] for line in lines] == [
        "aligning 2/2",
        "blurring 160/160",
    ]
    seconds = [int(line.rpartition(", ")[2].removesuffix(" s")) for line in lines]
    assert seconds[0] == 10 and seconds[1] >= 10


def test_the_last_state_is_shown_when_a_job_fails(kernel):
    with pytest.raises(KeyboardInterrupt), reporting(True) as reporter:
        reporter.progress("aligning", 0, 0)
        reporter.progress("aligning", 3, 9)
        raise KeyboardInterrupt
    assert '<progress value="3" max="9">' in kernel[0]


def test_nothing_is_shown_of_a_job_that_reports_nothing(kernel):
    with reporting(None):
        pass
    with reporting(False) as reporter:
        reporter.progress("scoring", 1, 2)
    assert kernel == []
