"""Weights of networks: where they are found, what is refused, and the formats that authors have released."""

from __future__ import annotations

import json
import re
import shutil

import h5py
import numpy as np
import pytest
import torch
from narrow_nets import NARROW, narrow_network, write_narrow
from safetensors.torch import save_file
from scipy.io import savemat

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.weights import VARIABLE, sha256_of
from facedeblur.methods.find import find_method
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.deblurgan import DeblurGan
from facedeblur.methods.nets.loading import SHIPPED, find_files, load_network, remark_on, takes_labels
from facedeblur.methods.nets.shen.mat import read_layers
from facedeblur.methods.nets.shen.shen2018 import Shen2018
from facedeblur.methods.nets.umsn import keys as umsn_keys
from facedeblur.methods.nets.umsn.network import Umsn
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run

CPU = Execution(device="cpu")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No weights of this user's."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    """Whether two networks have the same weights."""
    states = first.state_dict(), second.state_dict()
    return list(states[0]) == list(states[1]) and all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def line(error: pytest.ExceptionInfo[InputError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# Places.


def test_places_in_order(tmp_path, monkeypatch):
    write_narrow("mspl", tmp_path / "named")
    write_narrow("mspl", tmp_path / "given")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    file = "mspl.safetensors"
    assert find_files("mspl") == [tmp_path / "named" / file]
    assert find_files("mspl", [tmp_path / "given"]) == [tmp_path / "given" / file]
    assert find_files("mspl", [tmp_path]) == [tmp_path / "named" / file]
    assert find_files("mspl", [tmp_path / "given" / file]) == [tmp_path / "given" / file]
    assert find_method("mspl", weights=tmp_path / "given").hashes == {file: sha256_of(tmp_path / "given" / file)}


def test_weights_of_a_recipe_with_another_name_are_found_in_the_folder_that_is_given(tmp_path, monkeypatch):
    net = write_narrow("mspl", tmp_path)
    (tmp_path / "mspl.safetensors").rename(tmp_path / "mspl-more.safetensors")
    write_narrow("deblurgan", tmp_path)
    for named in ("elsewhere", "nothing"):
        # A file under the very name that lies elsewhere is not taken instead.
        write_narrow("mspl", tmp_path / "elsewhere")
        monkeypatch.setenv(VARIABLE, str(tmp_path / named))
        assert find_files("mspl", [tmp_path]) == [tmp_path / "mspl-more.safetensors"]
    assert same(net, load_network("mspl", find_files("mspl", [tmp_path])))
    with pytest.raises(InputError, match="weights of 'umsn' are missing"):
        find_files("umsn", [tmp_path])
    (tmp_path / "third.safetensors").write_bytes((tmp_path / "mspl-more.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"2 files hold weights of 'mspl': mspl-more.*, third.*; give one of them"):
        find_files("mspl", [tmp_path])


def test_the_package_may_bring_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("facedeblur.methods.nets.loading.SHIPPED", tmp_path / "shipped")
    write_narrow("facedeblur-base", tmp_path / "shipped")
    assert find_files("facedeblur-base") == [tmp_path / "shipped" / "facedeblur-base.safetensors"]
    assert SHIPPED.parent.name == "nets"


@pytest.mark.parametrize(
    ("name", "also"), [("mspl", ""), ("umsn", "SMaps_Best.pth and Deblur_epoch"), ("shen2018", ".mat")]
)
def test_missing_weights_are_one_line(name, also, tmp_path):
    with pytest.raises(InputError) as error:
        find_method(name, weights=tmp_path)
    assert re.search(rf"weights of '{name}' are missing: no {name}.safetensors.* in .*--weights", line(error))
    assert also in line(error)
    assert str(tmp_path) in line(error)


def test_a_place_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="not found"):
        find_files("mspl", [tmp_path / "absent"])


def test_two_files_that_could_be_meant_are_refused(tmp_path):
    for file in ("SMaps_Best.pth", "Deblur_epoch_1.pth", "Deblur_epoch_2.pth"):
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(InputError, match=r"2 files match .*: Deblur_epoch_1.pth, Deblur_epoch_2.pth"):
        find_files("umsn", [tmp_path])


# Our own format.


@pytest.mark.parametrize("name", NARROW)
def test_what_a_training_wrote_is_loaded(name, tmp_path):
    net = write_narrow(name, tmp_path)
    read = load_network(name, find_files(name, [tmp_path]))
    assert same(net, read)
    assert not read.training


def test_the_configuration_may_stand_in_the_card(tmp_path):
    net = narrow_network("deblurgan")
    weights = tmp_path / "deblurgan.safetensors"
    save_file(net.state_dict(), weights)
    with pytest.raises(InputError, match=r"expected the .* tensors of its layout"):
        load_network("deblurgan", [weights])
    card = {"network": "deblurgan", "config": NARROW["deblurgan"], "sha256": sha256_of(weights)}
    weights.with_suffix(".json").write_text(json.dumps(card))
    assert same(net, load_network("deblurgan", [weights]))
    weights.with_suffix(".json").write_text(json.dumps(card | {"sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"deblurgan.safetensors: expected sha256 0{16}.*deblurgan.json"):
        load_network("deblurgan", [weights])
    weights.with_suffix(".json").write_text("{")
    with pytest.raises(InputError, match="JSON"):
        load_network("deblurgan", [weights])


def test_a_flipped_bit_in_shipped_weights_is_noticed(tmp_path):
    for file in SHIPPED.glob("facedeblur-base.*"):
        shutil.copy(file, tmp_path)
    weights = tmp_path / "facedeblur-base.safetensors"
    load_network("facedeblur-base", [weights])
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match=r"facedeblur-base.safetensors: expected sha256.*damaged.*install it again"):
        load_network("facedeblur-base", [weights])


def test_half_precision_on_disk_becomes_whole(tmp_path):
    net = narrow_network("facedeblur-base").half()
    config = json.dumps({"network": "facedeblur-base", "config": NARROW["facedeblur-base"]})
    save_file(net.state_dict(), tmp_path / "half.safetensors", metadata={"facedeblur": config})
    read = load_network("facedeblur-base", [tmp_path / "half.safetensors"])
    assert {parameter.dtype for parameter in read.parameters()} == {torch.float32}
    assert same(net.float(), read)


def test_weights_of_another_network_are_one_line(tmp_path):
    write_narrow("mspl", tmp_path, file="umsn.safetensors")
    with pytest.raises(InputError) as error:
        load_network("umsn", find_files("umsn", [tmp_path]))
    assert "expected weights of 'umsn', found weights of 'mspl'" in line(error)
    save_file(narrow_network("mspl").state_dict(), tmp_path / "umsn.safetensors")
    with pytest.raises(InputError) as error:
        load_network("umsn", find_files("umsn", [tmp_path]))
    assert "tensors of its layout" in line(error)


def test_a_wrong_configuration_is_one_line(tmp_path):
    write_narrow("mspl", tmp_path, config={"width": 8, "depth": 3})
    with pytest.raises(InputError, match="a configuration of 'mspl', found option 'depth' of network 'mspl'"):
        load_network("mspl", find_files("mspl", [tmp_path]))
    write_narrow("mspl", tmp_path, config={"width": "eight"})
    with pytest.raises(InputError, match="a configuration of 'mspl'"):
        load_network("mspl", find_files("mspl", [tmp_path]))
    write_narrow("mspl", tmp_path, config=[])
    with pytest.raises(InputError, match="config: expected a table, found a list"):
        load_network("mspl", find_files("mspl", [tmp_path]))


@pytest.mark.parametrize("kept", [0, 6, 500, -7])
def test_truncated_weights_are_one_line(kept, tmp_path, make_set):
    write_narrow("facedeblur-base", tmp_path)
    file = tmp_path / "facedeblur-base.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError) as error:
        load_network("facedeblur-base", [file])
    assert "damaged safetensors file" in line(error)
    if kept == 500:
        set_ = make_set(sizes=(13,), shapes=((32, 32),))
        with pytest.raises(InputError, match="damaged safetensors file"):
            run("facedeblur-base", set_, tmp_path / "out", weights=tmp_path, workers=1, execution=CPU)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_one_line(value, tmp_path):
    net = narrow_network("facedeblur-base")
    with torch.no_grad():
        net.tail.bias[3] = value
    config = json.dumps({"config": NARROW["facedeblur-base"]})
    save_file(net.state_dict(), tmp_path / "facedeblur-base.safetensors", metadata={"facedeblur": config})
    with pytest.raises(InputError) as error:
        load_network("facedeblur-base", find_files("facedeblur-base", [tmp_path]))
    assert "expected finite weights, found NaN or infinity in 'tail.bias'" in line(error)


def checkpoint(net, path, *, name="mspl", average=None, step=3, finished=False, **stage):
    """Write a checkpoint of a training of `net`, as `checkpoint.write_checkpoint` does."""
    tensors = {f"network.{key}": value for key, value in net.state_dict().items()}
    tensors |= {f"average.{key}": value for key, value in (average.state_dict() if average else {}).items()}
    recipe = {"network": name, "config": NARROW[name], "stage": {"iterations": 5} | stage}
    header = {"format": "facedeblur-training-1", "stage": "whole", "step": step, "recipe": recipe}
    header["finished"] = finished
    write_tensors(path, tensors | {"optimiser.0.step": torch.tensor(3.0)}, header)
    return path


def test_a_checkpoint_is_loaded_as_weights_are(tmp_path):
    net = narrow_network("facedeblur-base")
    file = checkpoint(net, tmp_path / "1-whole.safetensors", name="facedeblur-base")
    pictures = torch.rand(1, 3, 16, 16)
    assert torch.equal(load_network("facedeblur-base", [file])(pictures), net(pictures))
    assert remark_on([file]) == "1-whole.safetensors: an unfinished training, in stage 'whole' after step 3 of 5"
    file = checkpoint(net, tmp_path / "1-whole.safetensors", name="facedeblur-base", step=5)
    # The end of a stage that others follow.
    assert remark_on([file]) == "1-whole.safetensors: an unfinished training, in stage 'whole' after step 5 of 5"
    file = checkpoint(net, tmp_path / "1-whole.safetensors", name="facedeblur-base", step=5, finished=True)
    assert remark_on([file]) == ""


def test_of_a_checkpoint_with_an_average_that_is_loaded(tmp_path):
    net, average = narrow_network("facedeblur-base"), narrow_network("facedeblur-base")
    torch.nn.init.ones_(average.tail.bias)
    file = checkpoint(net, tmp_path / "last.safetensors", name="facedeblur-base", average=average)
    assert load_network("facedeblur-base", [file]).tail.bias.eq(1).all()


@pytest.mark.parametrize(("name", "stage", "message"), [
    ("mspl", {}, "expected weights of 'mspl', found weights of 'facedeblur-base'"),
    ("facedeblur-base", {"iterations": -1}, "header of a checkpoint"),
    ("facedeblur-base", {"until": "streams"}, "the training got no further than stage 'whole'"),
])  # fmt: skip
def test_a_checkpoint_that_cannot_be_run_is_told(tmp_path, name, stage, message):
    file = checkpoint(narrow_network("facedeblur-base"), tmp_path / "last.safetensors", name="facedeblur-base", **stage)
    with pytest.raises(InputError) as error:
        load_network(name, [file])
    assert message in line(error)


def test_a_format_that_a_network_has_not_is_told(tmp_path):
    file = tmp_path / "mspl.pth"
    torch.save({}, file)
    with pytest.raises(InputError, match=r"a file mspl.safetensors, found '.pth'"):
        load_network("mspl", find_files("mspl", [file]))


# UMSN, DeblurGAN, DeblurGAN-v2.


def test_umsn_as_released(tmp_path):
    net = Umsn()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    state = net.state_dict()
    for part, file in (("segmentation", "SMaps_Best.pth"), ("deblurring", "Deblur_epoch_100.pth")):
        prefix = "module." if part == "deblurring" else ""
        theirs = {
            prefix + old: state[new].transpose(0, 1) if turned else state[new]
            for old, (new, turned) in umsn_keys._table(part).items()
        }
        torch.save(theirs, tmp_path / file)
    paths = find_files("umsn", [tmp_path])
    assert [path.name for path in paths] == ["SMaps_Best.pth", "Deblur_epoch_100.pth"]
    assert same(net, load_network("umsn", paths))
    with pytest.raises(InputError, match="found one file; give the folder of both"):
        load_network("umsn", paths[:1])
    paths[1].write_bytes(paths[1].read_bytes()[:100_000])
    with pytest.raises(InputError) as error:
        load_network("umsn", paths)
    assert "expected a torch file of tensors" in line(error)


def authors_deblurgan(net: DeblurGan, blocks: int, *, dropout: bool) -> dict[str, torch.Tensor]:
    """Weights under the names of one nn.Sequential of the authors' layers, made by building that Sequential."""
    norm, relu = torch.nn.InstanceNorm2d, torch.nn.ReLU

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            middle = [torch.nn.Dropout(0.5)] if dropout else []
            self.conv_block = torch.nn.Sequential(
                torch.nn.ReflectionPad2d(1), torch.nn.Conv2d(32, 32, 3), norm(32), relu(), *middle,
                torch.nn.ReflectionPad2d(1), torch.nn.Conv2d(32, 32, 3), norm(32),
            )  # fmt: skip

    up = torch.nn.ConvTranspose2d
    layers = [torch.nn.ReflectionPad2d(3), torch.nn.Conv2d(3, 8, 7), norm(8), relu()]
    layers += [torch.nn.Conv2d(8, 16, 3), norm(16), relu(), torch.nn.Conv2d(16, 32, 3), norm(32), relu()]
    layers += [Block() for _ in range(blocks)]
    layers += [up(32, 16, 3), norm(16), relu(), up(16, 8, 3), norm(8), relu()]
    layers += [torch.nn.ReflectionPad2d(3), torch.nn.Conv2d(8, 3, 7), torch.nn.Tanh()]
    theirs = torch.nn.Module()
    theirs.model = torch.nn.Sequential(*layers)
    # Both have their layers in the order of the forward pass.
    return {old: value.clone() for old, value in zip(theirs.state_dict(), net.state_dict().values(), strict=True)}


@pytest.mark.parametrize(("blocks", "dropout"), [(9, True), (6, False)])
def test_deblurgan_as_released(blocks, dropout, tmp_path):
    net = make_network("deblurgan", width=8, blocks=blocks)
    theirs = authors_deblurgan(net, blocks, dropout=dropout)
    theirs["model.2.running_mean"] = torch.zeros(8)
    torch.save(theirs, tmp_path / "latest_net_G.pth")
    assert same(net, load_network("deblurgan", find_files("deblurgan", [tmp_path])))
    one = {name: value for name, value in theirs.items() if not re.search(r"conv_block\.[56]", name)}
    torch.save(one, tmp_path / "latest_net_G.pth")
    with pytest.raises(InputError, match=r"two convolutions per block, found no 'model.10.conv_block"):
        load_network("deblurgan", find_files("deblurgan", [tmp_path]))
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "latest_net_G.pth")
    with pytest.raises(InputError, match=r"the foreign tensor 'conv.weight'"):
        load_network("deblurgan", find_files("deblurgan", [tmp_path]))


def test_deblurgan_v2_as_released(tmp_path):
    net = make_network("deblurgan-v2", backbone="mobilenet-v2", width=8)
    theirs = {}
    for name, value in net.state_dict().items():
        old = name.replace("backbone.", "fpn.", 1).replace("pyramid.", "fpn.", 1)
        if name.startswith("heads."):
            old = re.sub(r"^(head\d)\.0\.", r"\1.block0.", name.removeprefix("heads."))
            old = re.sub(r"^(head\d)\.2\.", r"\1.block1.", old)
        theirs[f"module.{old}"] = value
    torch.save({"model": theirs}, tmp_path / "fpn_mobilenet.h5")
    assert same(net, load_network("deblurgan-v2", find_files("deblurgan-v2", [tmp_path])))
    torch.save({"model": {"module.conv.weight": torch.zeros(3)}}, tmp_path / "fpn_mobilenet.h5")
    with pytest.raises(InputError, match=r"expected DeblurGAN-v2's generator, found 'conv.weight'"):
        load_network("deblurgan-v2", find_files("deblurgan-v2", [tmp_path]))
    with h5py.File(tmp_path / "fpn_mobilenet.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(InputError, match="a torch file of tensors"):
        load_network("deblurgan-v2", find_files("deblurgan-v2", [tmp_path]))


# Shen 2018, from MATLAB.


def matlab_layers(net: Shen2018, blocks: int) -> dict[str, list[dict[str, np.ndarray]]]:
    """The two struct arrays, filters as (height, width, in, out) or, transposed, (height, width, out, in)."""

    def of(layer: torch.nn.Module, weight: str = "w", bias: str = "b") -> dict[str, np.ndarray]:
        array = layer.weight.detach().numpy()
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array[:, None]
        return {weight: array, bias: layer.bias.detach().numpy()[None]}

    units = [*net.parser.encoder, *net.parser.decoder]
    parser = [of(unit[0]) | of(unit[1], "bw", "bb") for unit in units]
    for at, up in enumerate(net.parser.ups):
        parser[6 + at] |= of(up, "upw", "upb")
    parser.append(of(net.parser.classify))

    def scale(one: torch.nn.Module) -> list[dict[str, np.ndarray]]:
        inner = [of(block[at]) for block in one.blocks for at in (0, 2)]
        return [*(of(layer) for layer in one.head), *inner, *(of(layer) for layer in one.tail), of(one.last)]

    large = [*scale(net.deblur.small), of(net.deblur.up), *scale(net.deblur.large)]
    assert len(large) == 13 + 4 * blocks
    return {"net_P": parser, "net_G": large}


def save_layers(path, variable, layers, version):
    """Save a 1xN struct array, missing fields empty, as MATLAB's version 5 or 7.3 has it."""
    fields = sorted({field for layer in layers for field in layer})
    if version == 5:
        array = np.zeros((1, len(layers)), dtype=[(field, object) for field in fields])
        for at, layer in enumerate(layers):
            array[0, at] = tuple(layer.get(field, np.zeros((0, 0))) for field in fields)
        savemat(path, {variable: array}, do_compression=True)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group(variable)
        for field in fields:
            references = np.zeros((len(layers), 1), dtype=h5py.ref_dtype)
            for at, layer in enumerate(layers):
                if field in layer:
                    stored = file.create_dataset(f"#refs#/{field}{at}", data=layer[field].T)
                else:
                    stored = file.create_dataset(f"#refs#/{field}{at}", data=np.zeros(2, np.uint64))
                    stored.attrs["MATLAB_empty"] = np.uint8(1)
                references[at, 0] = stored.ref
            group.create_dataset(field, data=references, dtype=h5py.ref_dtype)
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(head)


@pytest.mark.parametrize("version", [5, 7.3])
def test_shen2018_as_released(version, tmp_path):
    config = {"width": 6, "parser_width": 4, "resblocks": 2, "classes": 11}
    net = make_network("shen2018", **config)
    for variable, layers in matlab_layers(net, 2).items():
        save_layers(tmp_path / f"{variable}_P_S_F.mat", variable, layers, version)
    read = load_network("shen2018", find_files("shen2018", [tmp_path]))
    assert same(net, read)
    with pytest.raises(InputError, match="expected the struct array 'net_P'"):
        load_network("shen2018", [tmp_path / "net_G_P_S_F.mat", tmp_path / "net_P_P_S_F.mat"])
    path = tmp_path / "net_P_P_S_F.mat"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError) as error:
        load_network("shen2018", find_files("shen2018", [tmp_path]))
    assert str(path) in line(error)


def test_layers_that_are_missing_or_empty_are_told(tmp_path):
    layers = matlab_layers(make_network("shen2018", width=4, parser_width=4, resblocks=1), 1)
    files = [tmp_path / "net_P.mat", tmp_path / "net_G.mat"]
    save_layers(files[1], "net_G", layers["net_G"], 5)
    save_layers(files[0], "net_P", layers["net_P"][:-1], 5)
    with pytest.raises(InputError, match="expected 12 layers, found 11"):
        load_network("shen2018", files)
    del layers["net_P"][7]["upw"]
    save_layers(files[0], "net_P", layers["net_P"], 5)
    with pytest.raises(InputError, match="field 'upw' of layer 8"):
        load_network("shen2018", files)
    save_layers(files[1], "net_G", layers["net_G"][:-1], 5)
    with pytest.raises(InputError, match="33 layers"):
        load_network("shen2018", files)
    files[0].write_bytes(b"no such file" * 50)
    with pytest.raises(InputError, match="cannot be read as a MAT file"):
        read_layers(files[0], "net_P")


def test_filters_of_a_transposed_convolution_lie_as_matconvnet_has_them(tmp_path):
    """MatConvNet's definition written out: y(2i + u - crop, 2j + v - crop, k) += x(i, j, d) f(u, v, k, d)."""
    net = make_network("shen2018", width=4, parser_width=4, resblocks=1)
    layers = matlab_layers(net, 1)
    filters, bias = layers["net_G"][8]["w"], layers["net_G"][8]["b"].ravel()
    image = np.random.default_rng(0).random((3, 4, 3))
    wide = np.zeros((2 * 3 + 2, 2 * 4 + 2, 3))
    for i in range(3):
        for j in range(4):
            wide[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum("d,uvkd->uvk", image[i, j], filters)
    wanted = wide[1:-1, 1:-1] + bias
    with torch.no_grad():
        found = net.deblur.up(torch.from_numpy(image.transpose(2, 0, 1)[None]).float())[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


# Trainings that are not finished.


def part_way(folder, name="shen2020", until="coarse", **header):
    """Narrow weights whose training got as far as `until`."""
    reached = {"stage": until, "stage_step": 3, "stage_steps": 5000, "until": until, "finished": False}
    return write_narrow(name, folder, **reached | header)


@pytest.mark.parametrize("until", ["coarse", "parsing"])
def test_weights_of_an_unfinished_training_restore_what_they_can(tmp_path, until):
    whole = part_way(tmp_path, until=until)
    net = load_network("shen2020", find_files("shen2020", [tmp_path]))
    blurred = torch.rand(1, 3, 64, 64)
    found = whole.outputs(blurred)
    assert torch.equal(net(blurred), found["coarse"]) and not torch.equal(net(blurred), found["restored"])
    assert sum(one.numel() for one in net.parameters()) == sum(one.numel() for one in whole.coarse.parameters())
    assert (net.multiple, net.smallest) == (32, 32)


@pytest.mark.parametrize(
    ("name", "until"),
    [("shen2020", "parser"), ("shen2018", "parsing"), ("lin2020", "sketch"), ("umsn", "parsing"), ("umsn", "classes")],
)
def test_weights_that_restore_nothing_yet_are_refused(tmp_path, name, until):
    part_way(tmp_path, name, until)
    with pytest.raises(InputError, match=f"no further than stage '{until}'") as error:
        load_network(name, find_files(name, [tmp_path]))
    line(error)


def test_how_far_a_training_got_is_said(tmp_path):
    def said(**header):
        part_way(tmp_path, **header)
        return remark_on(find_files("shen2020", [tmp_path]))

    unfinished = "shen2020.safetensors: an unfinished training, in stage 'coarse' after step 3 of 5,000"
    assert said() == f"{unfinished}; trained as far as 'coarse', and run no further"
    assert said(until="", stage="joint") == unfinished.replace("coarse", "joint")
    assert said(finished=True) == "shen2020.safetensors: trained as far as 'coarse', and run no further"
    assert said(finished=True, until="") == remark_on([]) == ""
    with pytest.raises(InputError, match="header"):
        said(stage_step=-1)


def test_the_card_says_it_where_the_header_does_not(tmp_path):
    weights = tmp_path / "shen2018.safetensors"
    save_file(narrow_network("shen2018").state_dict(), weights)
    config = NARROW["shen2018"] | {"semantics": "true"}
    card = {"network": "shen2018", "config": config, "stage": "deblur", "stage_step": 3, "stage_steps": 9}
    weights.with_suffix(".json").write_text(json.dumps(card | {"finished": False}))
    assert remark_on([weights]).endswith("in stage 'deblur' after step 3 of 9")
    assert takes_labels("shen2018", [weights])
