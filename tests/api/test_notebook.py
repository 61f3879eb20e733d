"""The notebook of the examples runs from top to bottom, and shows bars, cards, tables and a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_table.ipynb"


def shown(cell, kind: str) -> str:
    """Everything that a cell shows of this media type."""
    return "".join(output["data"].get(kind, "") for output in cell.outputs if "data" in output)


@pytest.fixture(scope="module")
def executed(tmp_path_factory, dlib_models):
    pytest.importorskip("jinja2")
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return folder, {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_results(executed):
    folder, cells = executed
    seen = "".join(cells)
    for name in ("fd.build", "fd.run", "fd.score", "fd.leaderboard", "fd.compare", "fd.report"):
        assert name in seen
    assert (folder / "first-table" / "report.html").is_file()
    for source, cell in cells.items():
        assert not [output for output in cell.outputs if output.output_type in ("error", "stream")], source
        html = shown(cell, "text/html")
        if source.startswith("made"):
            assert "<progress" in html and "blurring 160/160" in html and "Set shen2020" in html and "<img" in html
        elif source.startswith("methods"):
            assert html.count("<progress") == 3 and "Outputs of facedeblur-base" in html and "<img" in html
        elif source.startswith("scores = "):
            assert "scoring 160/160" in html and "Scores of facedeblur-base" in html
        elif source.startswith("fd.leaderboard"):
            assert "Leaderboard of shen2020" in html and "facedeblur-base" in html and "wiener (oracle)" in html
        elif source.startswith("fd.compare"):
            assert "Comparison with blurred" in html and "facedeblur-base" in html
        elif ".plot(" in source:
            assert shown(cell, "image/png")


def test_the_notebook_is_kept_without_results():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or (cell.outputs == [] and cell.execution_count is None)
