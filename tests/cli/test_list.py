"""``facedeblur list``: every kind, a line each."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.cli.list_ import KINDS, REGISTRIES, _at, _entries, list_

KNOWN = {
    "networks": "umsn", "discriminators": "patchgan", "losses": "perceptual", "adversaries": "wgan-gp",
    "recipes": "shen2020", "train-recipes": "umsn-paper", "protocols": "levin2009", "parsers": "shen2020",
    "collections": "celeba", "embedders": "dlib-resnet", "methods": "wiener", "metrics": "psnr", "detectors": "yunet",
    "landmarkers": "mtcnn", "templates": "shen128", "noises": "gaussian", "layouts": "gopro", "boards": "open",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_has_a_line_that_says_what_it_is(kind):
    done = CliRunner().invoke(list_, [kind], catch_exceptions=False)
    assert done.exit_code == 0
    head, *lines = done.output.splitlines()
    assert head == kind
    told = {line.split()[0]: line.split()[1:] for line in lines}
    assert KNOWN[kind] in told
    # What plugins of other tests in this process registered need not say what it is.
    ours = {name for name in told if not str(_module(kind, name)).startswith(("facedeblur_plugin_", "test_"))}
    assert [name for name in ours if not told[name]] == []


def _module(kind: str, name: str) -> object:
    return getattr(_at(REGISTRIES[kind]).get(name), "__module__", "") if kind in REGISTRIES else ""


def test_kinds_are_those_of_the_help():
    shown = " ".join(CliRunner().invoke(list_, ["--help"]).output.split())
    for kind in KINDS:
        assert f" {kind}" in shown.partition("KIND is")[2].partition("Options:")[0]


@pytest.mark.parametrize("kind", REGISTRIES)
def test_source_and_object_say_the_same(kind):
    """What is listed without importing it is what its class says, with its options and what it keeps."""
    assert list(_entries(kind, imported=False)) == list(_entries(kind, imported=True))


def test_listing_imports_neither_torch_nor_numba():
    code = (
        "import sys; from facedeblur.cli.main import facedeblur; facedeblur.main(['list'], standalone_mode=False); "
        "assert not {'torch', 'numba', 'pandas', 'scipy', 'cv2'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_plugin_is_listed(tmp_path, monkeypatch):
    from facedeblur.methods.training.losses.registry import LOSSES

    monkeypatch.setattr(LOSSES, "_entries", dict(LOSSES._entries))
    (tmp_path / "mine.py").write_text(
        "from facedeblur.methods.training.losses.registry import LOSSES\n"
        "from facedeblur.methods.training.losses.content import L1\n\n\n"
        "@LOSSES.register('my-loss')\nclass MyLoss(L1):\n    '''Mine.'''\n"
    )
    done = CliRunner().invoke(list_, ["losses", "--plugin", str(tmp_path / "mine.py")])
    assert [line.split() for line in done.output.splitlines() if "my-loss" in line] == [["my-loss", "Mine."]]


def test_providers_are_listed_with_their_options():
    shown = CliRunner().invoke(list_, ["detectors"])
    line = next(line for line in shown.output.splitlines() if line.split()[0] == "dlib-hog")
    assert line.endswith("Options: up0 to up4 (default: up1).")


def test_the_methods_of_a_paper_say_what_runs_them():
    done = CliRunner().invoke(list_, ["methods", "--paper", "dfpgnet"], catch_exceptions=False)
    lines = done.output.splitlines()
    assert done.exit_code == 0 and lines[0] == "methods named in Jung et al."
    (lee,) = (line for line in lines if line.startswith("  Lee et al. [4]"))
    assert lee.split()[4:6] == ["mspl", "network;"] and lee.endswith(" Table 6; Figures 2, 3, 4.")
    assert "  Table 5: VGGFace Encoder, DFPG-B(ours): facedeblur ablate dfpgnet --table 5" in lines
    shown = CliRunner().invoke(list_, ["--paper", "shen2020"], catch_exceptions=False).output
    (li,) = (line for line in shown.splitlines() if line.startswith("  Li et al. (2018)"))
    assert li.split()[4] == "li-2018" and "its authors' program: examples/foreign/li2018.toml. Tables 9" in li


def test_another_paper_or_kind_is_refused():
    with pytest.raises(InputError, match="did you mean 'shen2020'"):
        CliRunner().invoke(list_, ["--paper", "shen202"], catch_exceptions=False)
    for more in (["metrics"], ["--broken"]):
        done = CliRunner().invoke(list_, [*more, "--paper", "shen2020"])
        assert done.exit_code == 2 and "--paper lists methods" in done.output
