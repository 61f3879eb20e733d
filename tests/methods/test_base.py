"""Entering a method, and its options."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.registry import load_plugin
from facedeblur.benchmark.sets.classes import GROUPS
from facedeblur.methods import METHODS, method
from facedeblur.methods.base import spec_of
from facedeblur.methods.find import find_method
from facedeblur.methods.nets.base import UMSN_CLASSES
from facedeblur.methods.options import defaults, read_options, shown_name

PLUGIN = """
from facedeblur.methods import method

@method("{name}", version="7", weights={weights})
class Mine:
    \"\"\"A test method.\"\"\"
    def __init__(self, *, strength: float = 0.5, steps: int = 3, fast: bool = False, mode: str = "a",
                 crop: int | None = None):
        pass
    def load(self, device, weights): ...
    def restore(self, blurred):
        return blurred
"""


@pytest.fixture
def plugin(tmp_path, request):
    """A plugin file with a method of a name that no other test uses."""
    name = f"mine-{abs(hash(request.node.nodeid))}"

    def make(weights: str = "None") -> tuple[str, str]:
        file = tmp_path / "mine.py"
        file.write_text(PLUGIN.format(name=name, weights=weights))
        return name, str(file)

    return make


def test_the_decorator_is_light():
    code = (
        "import sys\nfrom facedeblur.methods import method\n"
        "sys.exit(str({'numpy', 'torch', 'scipy', 'cv2', 'pandas'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)
    assert done.stderr.strip() == ""


def test_a_method_in_ten_lines_is_found_by_its_name(plugin):
    name, file = plugin()
    entry = find_method(name, plugin=file)
    assert (entry.shown, entry.spec.version, entry.spec.oracle) == (name, "7", False)
    assert entry.spec.summary == "A test method."
    assert entry.loads
    assert not entry.folder
    assert set(entry.code) == {"mine.py"}
    assert entry.options == {"strength": 0.5, "steps": 3, "fast": False, "mode": "a", "crop": None}


def test_options_are_read_by_their_type(plugin):
    name, file = plugin()
    given = {"strength": "2", "steps": "5", "fast": "yes", "crop": "8"}
    entry = find_method(name, plugin=file, options=given)
    assert entry.options == {"strength": 2.0, "steps": 5, "fast": True, "mode": "a", "crop": 8}
    assert isinstance(entry.options["strength"], float)
    assert entry.shown == f"{name}[strength=2.0,steps=5,fast=True,crop=8]"
    assert find_method(name, plugin=file, options={"crop": "none"}).shown == name


@pytest.mark.parametrize(
    ("key", "value"), [("steps", "2.5"), ("steps", "many"), ("fast", "perhaps"), ("strength", "x")]
)
def test_an_option_of_another_type_is_refused(plugin, key, value):
    name, file = plugin()
    with pytest.raises(InputError, match=f"option '{key}'.*found '{value}'"):
        find_method(name, plugin=file, options={key: value})


def test_an_unknown_option_brings_a_suggestion(plugin):
    name, file = plugin()
    with pytest.raises(InputError, match="did you mean 'strength'"):
        find_method(name, plugin=file, options={"strenght": "1"})


def test_a_required_option_is_asked_for():
    class Needy:
        def __init__(self, *, path: str):
            pass

        def restore(self, blurred):
            return blurred

    with pytest.raises(InputError, match="--set path="):
        read_options(Needy, {}, name="needy")


def test_a_class_without_constructor_has_no_options():
    class Plain:
        def restore(self, blurred):
            return blurred

    assert defaults(Plain) == {}
    with pytest.raises(InputError, match="option 'x'"):
        read_options(Plain, {"x": 1}, name="plain")
    assert spec_of(Plain).name == "plain"


def test_the_displayed_name_holds_what_is_not_the_default():
    assert shown_name("wiener", {"gamma": 0.01}, {"gamma": 0.01}) == "wiener"
    assert shown_name("wiener", {"gamma": 0.005}, {"gamma": 0.01}) == "wiener[gamma=0.005]"


def test_an_unknown_method_brings_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'wiener'"):
        find_method("weiner")


def test_a_python_file_is_a_plugin_and_no_method():
    with pytest.raises(InputError, match=r"--plugin mine.py"):
        find_method("mine.py")


def test_what_is_no_method_is_refused():
    with pytest.raises(InputError, match="restore"):
        method("nothing-at-all")(type("Nothing", (), {}))
    for name in ("", "a b", "a[b]", "a/b"):
        with pytest.raises(InputError, match="method name"):
            method(name)
    assert "nothing-at-all" not in METHODS


def test_a_taken_name_is_refused():
    class Other:
        def restore(self, blurred):
            return blurred

    with pytest.raises(InputError, match="method 'wiener' is already registered"):
        method("wiener")(Other)


def test_weights_are_found_and_checked(plugin, tmp_path, monkeypatch):
    import hashlib

    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path / "weights"))
    content = b"0123456789"
    sha = hashlib.sha256(content).hexdigest()
    name, file = plugin(weights=f"{{'g.pt': 'sha256:{sha}'}}")
    with pytest.raises(InputError, match=r"weights 'g.pt'.*are missing; searched .*weights"):
        find_method(name, plugin=file)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "g.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match=f"sha256 {sha[:16]}"):
        find_method(name, plugin=file)
    (tmp_path / "weights" / "g.pt").write_bytes(content)
    entry = find_method(name, plugin=file)
    assert entry.weights == {"g.pt": tmp_path / "weights" / "g.pt"}
    assert entry.hashes == {"g.pt": sha}


def test_a_hash_that_is_none_is_refused():
    with pytest.raises(InputError, match="64 hex digits"):
        method("bad-hash", weights={"g.pt": "sha256:1234"})(type("Bad", (), {"restore": lambda self, x: x}))


def test_a_plugin_that_does_not_import_is_named(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import no_such_package_anywhere\n")
    with pytest.raises(InputError, match=r"broken.py.*no_such_package_anywhere"):
        load_plugin(file)
    with pytest.raises(InputError, match="not found"):
        load_plugin(tmp_path / "absent.py")


def test_a_plugin_may_import_files_beside_it(tmp_path):
    (tmp_path / "beside_the_plugin.py").write_text("VALUE = 3\n")
    file = tmp_path / "user.py"
    file.write_text("from beside_the_plugin import VALUE\n")
    first = load_plugin(file)
    assert sys.modules[first].VALUE == 3
    assert load_plugin(file) == first


def test_a_class_is_a_method_too():
    class Mirror:
        """Left is right."""

        def restore(self, blurred: np.ndarray) -> np.ndarray:
            return blurred[:, :, ::-1]

    entry = find_method(Mirror)
    assert entry.shown == "mirror"
    assert not entry.loads


def test_the_classes_of_umsn_are_those_of_the_metrics():
    assert tuple(GROUPS["umsn4"]) == UMSN_CLASSES
