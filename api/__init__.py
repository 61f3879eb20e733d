"""The front door: what the command line does, one function each, for scripts and notebooks.

    import facedeblur as fd

    made = fd.build("shen2020", "photos/", "set/")
    out = fd.run("facedeblur-base", made, "outputs/base")
    scores = fd.score(made, out)
    fd.leaderboard(scores)
    fd.report(scores, "report.html")

Wherever a function takes a set, outputs or scores, it takes the object or its path. Names are imported when they are
first used, so that ``import facedeblur`` loads neither numpy nor torch.
"""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facedeblur.benchmark.errors import InputError as InputError
    from facedeblur.benchmark.errors import MissingFile as MissingFile
    from facedeblur.benchmark.files.kernel_bank import Bank as Bank
    from facedeblur.benchmark.metrics.base import metric as metric
    from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr as psnr
    from facedeblur.benchmark.metrics.fidelity.psnr_ssim import ssim as ssim
    from facedeblur.benchmark.outputs import Outputs as Outputs
    from facedeblur.benchmark.parallel import Workers as Workers
    from facedeblur.benchmark.reporter import Reporter as Reporter
    from facedeblur.benchmark.scoring.score import score as score
    from facedeblur.benchmark.scoring.table import Scores as Scores
    from facedeblur.benchmark.sets.set import Set as Set
    from facedeblur.benchmark.statistics.comparison import Comparisons as Comparisons
    from facedeblur.benchmark.statistics.comparison import compare as compare
    from facedeblur.benchmark.whole_set.parsing import Parsing as Parsing
    from facedeblur.benchmark.whole_set.parsing import parse as parse
    from facedeblur.benchmark.whole_set.recognition import Recognition as Recognition
    from facedeblur.benchmark.whole_set.recognition import recognise as recognise
    from facedeblur.generators.align.photo import Finders as Finders
    from facedeblur.generators.align.quality import Limits as Limits
    from facedeblur.generators.align.run import align as align
    from facedeblur.generators.blur.convolve import blur as blur
    from facedeblur.generators.build import build as build
    from facedeblur.generators.kernels.bank import kernels as kernels
    from facedeblur.generators.photos.collection import Selection as Selection
    from facedeblur.generators.video.frames import frames as frames
    from facedeblur.generators.video.spec import FrameSpec as FrameSpec
    from facedeblur.methods.base import method as method
    from facedeblur.methods.running.execution import Execution as Execution
    from facedeblur.methods.running.runner import run as run
    from facedeblur.reports.leaderboard.table import leaderboard as leaderboard
    from facedeblur.reports.page.report import report as report
    from facedeblur.reports.tables.table import paper_tables

    __version__: str
    read_set = Set.open
    tables = paper_tables

_HOMES = {
    "build": "generators.build:build",
    "align": "generators.align.run:align",
    "frames": "generators.video.frames:frames",
    "kernels": "generators.kernels.bank:kernels",
    "blur": "generators.blur.convolve:blur",
    "run": "methods.running.runner:run",
    "score": "benchmark.scoring.score:score",
    "compare": "benchmark.statistics.comparison:compare",
    "leaderboard": "reports.leaderboard.table:leaderboard",
    "tables": "reports.tables.table:paper_tables",
    "report": "reports.page.report:report",
    "recognise": "benchmark.whole_set.recognition:recognise",
    "parse": "benchmark.whole_set.parsing:parse",
    "psnr": "benchmark.metrics.fidelity.psnr_ssim:psnr",
    "ssim": "benchmark.metrics.fidelity.psnr_ssim:ssim",
    "read_set": "benchmark.sets.set:Set.open",
    "method": "methods.base:method",
    "metric": "benchmark.metrics.base:metric",
    "Set": "benchmark.sets.set:Set",
    "Outputs": "benchmark.outputs:Outputs",
    "Scores": "benchmark.scoring.table:Scores",
    "Comparisons": "benchmark.statistics.comparison:Comparisons",
    "Recognition": "benchmark.whole_set.recognition:Recognition",
    "Parsing": "benchmark.whole_set.parsing:Parsing",
    "Bank": "benchmark.files.kernel_bank:Bank",
    "Selection": "generators.photos.collection:Selection",
    "Finders": "generators.align.photo:Finders",
    "Limits": "generators.align.quality:Limits",
    "FrameSpec": "generators.video.spec:FrameSpec",
    "Execution": "methods.running.execution:Execution",
    "Workers": "benchmark.parallel:Workers",
    "Reporter": "benchmark.reporter:Reporter",
    "InputError": "benchmark.errors:InputError",
    "MissingFile": "benchmark.errors:MissingFile",
}
"""Public name -> module below this package, and the name there."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("facedeblur")
    elif name in _HOMES:
        module, _, attribute = _HOMES[name].partition(":")
        value = attrgetter(attribute)(import_module(f"facedeblur.{module}"))
    else:
        raise AttributeError(f"module 'facedeblur' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
