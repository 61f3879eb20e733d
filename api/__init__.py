"""The front door: what the command line does, one function each, for scripts and notebooks.

    import facedeblur as fd

    made = fd.build("shen2020", "photos/", "set/")
    out = fd.run("facedeblur-base", made, "outputs/base")
    scores = fd.score(made, out)
    fd.leaderboard(scores)
    fd.report(scores, "report.html")

Wherever a function takes a set, outputs or scores, it takes the object or its path. Names are imported when they are
first used, so that ``import facedeblur`` loads neither numpy nor torch; ``__init__.pyi`` says from where.
"""

from __future__ import annotations

import lazy_loader

_import, _, _names = lazy_loader.attach_stub(__name__, __file__)

__all__ = ["__version__", *_names]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("facedeblur")
    return _import(name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
