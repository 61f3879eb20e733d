"""State dicts of published networks, of which small ones with random weights are made."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.torchvision_shim import prepare
from facedeblur.generators.align.template import template_named
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.state_file import Layout, StateFile, architecture_of, average_locally
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

if find_spec("spandrel") is None:
    pytest.skip("spandrel is not installed", allow_module_level=True)
prepare()
extra = pytest.mark.skipif(not find_spec("spandrel_extra_arches"), reason="spandrel_extra_arches is not installed")


def nafnet() -> torch.nn.Module:
    from spandrel.architectures.NAFNet import NAFNet

    net = NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])
    with torch.no_grad():
        for name, one in net.named_parameters():
            if name.endswith(("beta", "gamma")):
                one.fill_(0.3)  # at its start a block changes nothing
    return net


def uformer() -> torch.nn.Module:
    from spandrel.architectures.Uformer import Uformer

    return Uformer(img_size=128, embed_dim=8, depths=[1] * 9, win_size=8, token_mlp="leff", modulator=True)


def fftformer() -> torch.nn.Module:
    from spandrel.architectures.FFTformer import FFTformer

    return FFTformer(dim=8, num_blocks=[1, 1, 1], num_refinement_blocks=1)


def kbnet() -> torch.nn.Module:
    from spandrel.architectures.KBNet import KBNet_s

    return KBNet_s(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])


def restormer() -> torch.nn.Module:
    from spandrel_extra_arches.architectures.Restormer import Restormer

    return Restormer(dim=8, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1, heads=[1, 2, 4, 8])


def mprnet() -> torch.nn.Module:
    from spandrel_extra_arches.architectures.MPRNet import MPRNet

    return MPRNet(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=1)


def restoreformer() -> torch.nn.Module:
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(0)
    return RestoreFormer(
        n_embed=8, embed_dim=32, ch=32, out_ch=3, ch_mult=(1, 1, 1, 1, 1, 1), num_res_blocks=1, attn_resolutions=(16,),
        dropout=0.0, in_channels=3, resolution=512, z_channels=32, double_z=False, enable_mid=True, head_size=1,
    )  # fmt: skip


def with_recipe(root: Path, text: str) -> Path:
    info = json.loads((root / "set.json").read_text())
    (root / "set.json").write_text(json.dumps(info | {"recipe": text}))
    return root


NETWORKS = {
    "NAFNet": nafnet,
    "Uformer": uformer,
    "FFTformer": fftformer,
    "KBNet": kbnet,
    "Restormer": pytest.param(restormer, marks=extra),
    "MPRNet": pytest.param(mprnet, marks=extra),
}
CASES = [
    pytest.param(name, *one.values, marks=one.marks) if hasattr(one, "marks") else pytest.param(name, one)
    for name, one in NETWORKS.items()
]


def saved(path: Path, net: torch.nn.Module) -> Path:
    torch.save({"params": net.state_dict()}, path)
    return path


def loaded(path: Path, **options) -> StateFile:
    entry = find_method(path, options=options)
    method = entry.kind(**entry.options)
    method.load("cpu", entry.weights)
    return method


def images(height: int, width: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(height).random((count, height, width, 3), dtype=np.float32)


def by_hand(net: torch.nn.Module, given: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        found = net.eval()(torch.from_numpy(given).permute(0, 3, 1, 2))
    return (found[0] if isinstance(found, list | tuple) else found).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(("name", "make"), CASES)
def test_networks_for_deblurring(name, make, tmp_path):
    torch.manual_seed(0)
    net = make()
    path = saved(tmp_path / f"{name}-small.pth", net)
    entry = find_method(path)
    assert (entry.kind, entry.shown, entry.spec.summary) == (StateFile, f"{name}-small", f"{name} (state dict)")
    method = loaded(path)
    given = images(128, 128)
    np.testing.assert_allclose(method.restore(given), by_hand(net, given), atol=1e-5)
    assert method.restore(images(100, 120)).shape == (1, 100, 120, 3)


def test_a_run_names_its_mode(make_set, tmp_path):
    set_ = make_set(sizes=(13,), shapes=((32, 40), (32, 40)))
    path = saved(tmp_path / "net.pth", nafnet())
    options = {"tlc": 16}
    outputs = run(path, set_.root, tmp_path / "out", options=options, execution=Execution(device="cpu"))
    assert [row.status for row in outputs.statuses()] == ["ok"] * 2
    assert outputs.method == "net[tlc=16]"
    assert outputs.info["parameters"] == sum(one.numel() for one in nafnet().parameters())
    with pytest.raises(InputError, match="expected a run with"):
        run(path, set_.root, tmp_path / "out", execution=Execution(device="cpu"))


def test_windows_average_what_is_near():
    net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1))
    (window,) = average_locally(net, 3)
    window.side = 5
    features = torch.arange(25.0).reshape(1, 1, 5, 5)
    found = net(features)[0, 0].numpy()
    field = features[0, 0].numpy()
    wanted = np.array([
        [field[min(max(y, 1), 3) - 1 : min(max(y, 1), 3) + 2, min(max(x, 1), 3) - 1 : min(max(x, 1), 3) + 2].mean()
         for x in range(5)] for y in range(5)
    ])  # fmt: skip
    np.testing.assert_allclose(found, wanted)
    # Features of half the size have windows of half the size; a window as large as the image is the average of all.
    window.side = 10
    np.testing.assert_allclose(net(features)[0, 0, 0, 0], features[0, 0, :2, :2].mean())
    window.side = 1
    np.testing.assert_allclose(net(features).numpy(), np.full((1, 1, 5, 5), features.mean()))


def test_small_images_do_not_depend_on_windows(tmp_path):
    path = saved(tmp_path / "net.pth", nafnet())
    given = images(32, 32)
    plain = loaded(path).restore(given)
    np.testing.assert_allclose(loaded(path, tlc=384).restore(given), plain, atol=1e-6)
    assert np.abs(loaded(path, tlc=8).restore(given) - plain).max() > 1e-4


def test_tiles_and_resizing(tmp_path):
    path = saved(tmp_path / "net.pth", nafnet())
    given = images(64, 96)
    assert loaded(path, tile=64, overlap=16).restore(given).shape == given.shape
    assert loaded(path, resize=48).restore(given).shape == given.shape
    with pytest.raises(InputError, match="options 'tile' and 'resize' exclude each other"):
        loaded(path, tile=64, resize=48)
    with pytest.raises(InputError, match="option 'tlc': KBNet is not a NAFNet"):
        loaded(saved(tmp_path / "kb.pth", kbnet()), tlc=8)


def test_networks_for_faces_are_given_faces_of_512(tmp_path, monkeypatch):
    path = saved(tmp_path / "face.pth", restoreformer())
    entry = find_method(path)
    assert (entry.shown, entry.spec.summary) == ("face[resize=512]", "RestoreFormer (state dict)")
    method = loaded(path)
    seen = []

    class Same(torch.nn.Module):
        def forward(self, planes):
            seen.append((tuple(planes.shape), float(planes.min()) < -0.5))
            return planes, None

    method.network = Same()
    smooth = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None, None], (1, 64, 64, 3))
    np.testing.assert_allclose(method.restore(smooth), smooth, atol=0.01)
    assert seen == [((1, 3, 512, 512), True)]
    with pytest.raises(InputError, match="option 'resize' of RestoreFormer: expected 512, found 256"):
        loaded(path, resize=256)


def test_a_network_for_faces_takes_the_template_of_the_set(make_set, tmp_path):
    set_ = make_set(sizes=(13,), shapes=((128, 128),))
    path = saved(tmp_path / "face.pth", restoreformer())
    with pytest.raises(InputError) as error:
        run(path, set_.root, tmp_path / "out", execution=Execution(device="cpu"))
    assert str(error.value) == (
        f"RestoreFormer needs faces in FFHQ's layout, and set '{set_.name}' names no template; give the template of "
        "its faces, --set template=NAME, or --set template=none to resize the images only"
    )
    with_recipe(set_.root, '[image]\ntemplate = "umsn"\n')
    with pytest.raises(InputError, match=r"template 'umsn' of set 'tiny\d' has no five points; give the template"):
        find_method(path, the_set=Set.open(set_.root))
    with_recipe(set_.root, '[image]\ntemplate = "shen128"\n')
    outputs = run(path, set_.root, tmp_path / "out", execution=Execution(device="cpu"))
    assert outputs.method == "face[resize=512,template=shen128]"
    assert outputs.info["options"]["template"] == "shen128"
    assert outputs.info["notes"][0] == "faces are moved from the set's template shen128 to FFHQ's layout, and back"
    # Said by the user it is the same run; resizing only is another one.
    run(path, set_.root, tmp_path / "out", options={"template": "shen128"}, execution=Execution(device="cpu"))
    with pytest.raises(InputError, match="expected a run with"):
        run(path, set_.root, tmp_path / "out", options={"template": "none"}, execution=Execution(device="cpu"))
    whole = find_method(path, options={"template": "none"}, the_set=Set.open(set_.root))
    assert (whole.shown, whole.remark) == ("face[resize=512,template=none]", "")


def test_other_networks_take_no_template(make_set, tmp_path):
    set_ = make_set(sizes=(13,), shapes=((32, 40),))
    with_recipe(set_.root, '[image]\ntemplate = "shen128"\n')
    path = saved(tmp_path / "net.pth", nafnet())
    assert find_method(path, the_set=Set.open(set_.root)).options["template"] == ""
    for template in ("shen128", "none"):
        with pytest.raises(InputError, match="option 'template': NAFNet is not a network of faces"):
            loaded(path, template=template)


def test_faces_are_moved_to_the_layout_of_ffhq_and_back():
    layout = Layout("shen128")
    y, x = np.mgrid[:128, :128].astype(np.float32)
    image = np.stack([x, y, x + y], 2) / 256
    face = layout.there(image)
    assert face.shape == (512, 512, 3)
    # The red channel of a landmark is where it was: shen128's nose at FFHQ's nose.
    places = zip(template_named("shen128").points, template_named("ffhq512").points, strict=True)
    off = [abs(face[round(far[1]), round(far[0]), 0] * 256 - near[0]) for near, far in places]
    assert max(off) < 3
    np.testing.assert_allclose(layout.back(face, image), image, atol=0.01)
    # Where the layout ends the image stays.
    marked = layout.back(np.full_like(face, 9), image)
    assert marked[64, 64, 0] == 9
    with pytest.raises(InputError, match=r"images of template 'shen128': expected 128x128, found 64x64"):
        layout.there(image[:64, :64])
    with pytest.raises(InputError, match="'mspl-center' has no five points"):
        Layout("mspl-center")


@pytest.mark.parametrize("name", ["GFPGAN", pytest.param("CodeFormer", marks=extra)])
def test_faces_are_recognised_by_their_keys(name):
    keys = {
        "GFPGAN": ["toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"],
        "CodeFormer": ["position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight",
                       "ft_layers.0.self_attn.in_proj_weight", "encoder.blocks.0.weight"],
    }[name]  # fmt: skip
    assert architecture_of(dict.fromkeys(keys, torch.zeros(1))) == name


def test_unknown_weights_and_wrong_ones(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="this is a state dict"):
        find_method(tmp_path / "other.pth")
    state = nafnet().state_dict()
    state["ending.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(InputError, match="expected weights of NAFNet, found RuntimeError"):
        loaded(tmp_path / "net.pth")
    saved(tmp_path / "good.pth", nafnet())
    (tmp_path / "block.toml").write_text('kind = "torchscript"\npath = "good.pth"\n')
    with pytest.raises(InputError, match="this is a state dict, which no TOML file describes"):
        find_method(tmp_path / "block.toml")
