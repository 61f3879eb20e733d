"""How exported networks are fed, and which of several results is the restored image."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.kinds.exported_base import ExportedNetwork, flattened
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run


class Fake(ExportedNetwork):
    """A network whose results are computed by a function of its planes."""

    def __init__(self, results, **options):
        super().__init__(**options)
        self._results = results

    def _run(self, planes):
        return self._results(planes)


def images(height: int = 16, width: int = 32, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).random((count, height, width, 3), dtype=np.float32)


def three(planes: np.ndarray) -> dict[str, np.ndarray]:
    return {"small": planes[:, :, ::4, ::4], "half": planes[:, :, ::2, ::2], "whole": planes}


def test_input_and_output_have_ranges_of_their_own():
    seen = []

    def run(planes):
        seen.append((planes.min() >= -1, planes.min() < 0, planes.max() <= 1))
        return {"y": (planes + 1) / 2 * 255}

    given = images()
    restored = Fake(run, range="-1..1", output_range="0..255").restore(given)
    np.testing.assert_allclose(restored, given, atol=1e-6)
    assert seen == [(True, True, True)]


def test_the_result_of_the_size_of_the_input_is_taken():
    given = images()
    assert np.array_equal(Fake(three).restore(given), given)


@pytest.mark.parametrize("output", ["1", 1, "second"])
def test_several_results_of_that_size_are_a_question(output):
    def run(planes):
        return {"first": planes, "second": planes / 2}

    with pytest.raises(InputError) as error:
        Fake(run).restore(images())
    assert "the network has 2 results, and 2 of the size of its input: first (2x3x16x32), second (" in str(error.value)
    assert str(error.value).endswith("say which one is the restored image: --set output=NAME")
    np.testing.assert_allclose(Fake(run, output=output).restore(images()), images() / 2)
    with pytest.raises(InputError, match=r"option 'output': expected one of the results first .*, found third"):
        Fake(run, output="third").restore(images())


def test_results_with_channels_last_and_of_one_image():
    given = images(count=1)
    assert np.array_equal(Fake(lambda planes: {"y": planes.transpose(0, 2, 3, 1)}).restore(given), given)
    assert np.array_equal(Fake(lambda planes: {"y": planes[0]}).restore(given), given)


def test_a_network_that_enlarges_is_named():
    with pytest.raises(InputError, match=r"expected 2x3x16x32.*found 2x3x32x64; a network that enlarges"):
        Fake(lambda planes: {"y": planes.repeat(2, 2).repeat(2, 3)}).restore(images())


def test_a_result_of_another_size_names_multiple():
    with pytest.raises(InputError, match=r"the images are 16x30: .* --set multiple=N"):
        Fake(lambda planes: {"y": planes[..., :-2]}).restore(images(16, 30))


def test_a_lack_of_memory_is_passed_on():
    def full(planes):
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(RuntimeError, match=r"^CUDA out of memory$"):
        Fake(full).restore(images())


def test_nested_results_have_dotted_names():
    a, b, c = (np.zeros((1, 3, 2, number)) for number in (1, 2, 3))
    found = flattened({"stages": [a, (b, None)], "last": c, "loss": 0.5})
    assert {name: array.shape[3] for name, array in found.items()} == {"stages.0": 1, "stages.1.0": 2, "last": 3}
    assert list(flattened(a)) == ["0"]


def test_values_in_another_range_are_reported(make_set, tmp_path):
    import torch

    class Signed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2.0 - 1.0

    class Bytes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 255.0

    set_ = make_set(sizes=(13,), shapes=((32, 32), (32, 32)))
    torch.jit.script(Signed()).save(str(tmp_path / "signed.ts"))
    torch.jit.script(Bytes()).save(str(tmp_path / "bytes.ts"))
    cpu = Execution(device="cpu")
    outputs = run(tmp_path / "signed.ts", set_.root, tmp_path / "signed", execution=cpu)
    (note,) = outputs.info["notes"]
    assert "of the values of the first outputs are outside [0, 1] and were clipped" in note
    assert "if the network's values are in [-1, 1], give --set output_range=-1..1" in note
    mended = {"output_range": "-1..1"}
    outputs = run(tmp_path / "signed.ts", set_.root, tmp_path / "mended", execution=cpu, options=mended)
    assert outputs.info["notes"] == [] and outputs.method == "signed[output_range=-1..1]"
    outputs = run(tmp_path / "bytes.ts", set_.root, tmp_path / "bytes", execution=cpu)
    assert all("give --set output_range=0..255" in row.status for row in outputs.statuses())
