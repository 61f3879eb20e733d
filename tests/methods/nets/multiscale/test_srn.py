"""SRN-DeblurNet: TensorFlow's resizing and padding, its memory, colours by themselves, and the authors' checkpoints."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from narrow_nets import narrow_network
from tensorflow_files import write_checkpoint

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import find_files, load_network
from facedeblur.methods.nets.multiscale.srn import Memory, doubled


def test_doubling_has_the_pixels_and_the_means_between_them():
    found = doubled(torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]]))
    wanted = [[0, 2, 4, 4], [4, 6, 8, 8], [8, 10, 12, 12], [8, 10, 12, 12]]
    assert torch.equal(found, torch.tensor([[wanted]], dtype=torch.float32))


def test_memory_is_a_convolutional_lstm():
    torch.manual_seed(1)
    memory = Memory(1)
    with torch.no_grad():
        memory.gates.weight.zero_()
        memory.gates.weight[:, :, 1, 1] = torch.randn(4, 2)
        memory.gates.bias.copy_(torch.randn(4))
        features, cell, hidden = torch.randn(3, 1, 1, 2, 2)
        found = memory(features, cell, hidden)
    read = np.stack([features[0, 0], hidden[0, 0]], -1)
    enter, new, forget, leave = np.moveaxis(read @ memory.gates.weight[:, :, 1, 1].detach().numpy().T
                                            + memory.gates.bias.detach().numpy(), -1, 0)  # fmt: skip

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    kept = cell[0, 0].numpy() * sigmoid(forget + 1) + sigmoid(enter) * np.tanh(new)
    np.testing.assert_allclose(found[0][0, 0], kept, atol=1e-6)
    np.testing.assert_allclose(found[1][0, 0], np.tanh(kept) * sigmoid(leave), atol=1e-6)


def test_strided_convolutions_pad_less_before_than_behind():
    level = narrow_network("srn").encoder[1]
    with torch.no_grad():
        level.enter.weight.fill_(1.0)
        level.enter.bias.zero_()
        impulse = torch.zeros(1, 4, 16, 16)
        impulse[..., 4, :] = 1
        rows = level.enter(level.pad(impulse))[0, 0, :, 4].nonzero().flatten().tolist()
    # Row i reads rows 2i - 1 to 2i + 3.
    assert rows == [1, 2]


def test_scales_hand_on_the_memory_and_no_gradient_by_the_image():
    net = narrow_network("srn")
    blurred = torch.rand(1, 3, 32, 32)
    net.outputs(blurred)["restored"].square().mean().backward()
    through_memory = net.encoder[0].enter.weight.grad.clone()
    seen = []
    net.decoder[2].register_forward_hook(lambda _, given, made: seen.append(made))
    net.outputs(blurred)
    assert [tuple(each.shape) for each in seen] == [(1, 3, 8, 8), (1, 3, 16, 16), (1, 3, 32, 32)]
    # The image of the scale before is read, but its gradient ends there.
    assert torch.autograd.grad(seen[2].sum(), seen[1], allow_unused=True) == (None,)
    assert through_memory.abs().max() > 0
    without = make_network("srn", width=4, blocks=1, memory=False)
    assert without.parts == ("encoder", "decoder") and without.memory is None
    with pytest.raises(InputError, match="channels of srn"):
        make_network("srn", channels=2)
    with pytest.raises(InputError, match="width of srn"):
        make_network("srn", width=0)


def test_each_colour_can_be_restored_by_itself():
    torch.manual_seed(2)
    net = make_network("srn", width=4, blocks=1, channels=1).eval()
    blurred = torch.rand(2, 3, 16, 32)
    with torch.no_grad():
        restored = net(blurred)
        torch.testing.assert_close(net(blurred.flip(1)).flip(1), restored)
        changed = torch.cat([blurred[:, :1], torch.zeros_like(blurred[:, 1:])], 1)
        torch.testing.assert_close(net(changed)[:, 0], restored[:, 0])


def authors_variables(net) -> dict[str, np.ndarray]:
    """The network's weights under the names and in the order of axes of the authors' graph."""
    found = {}
    for name, value in net.state_dict().items():
        part, _, kind = name.rpartition(".")
        coded = re.match(r"(en|de)coder\.(\d)\.(enter|leave|blocks\.(\d)\.body\.(\d))", part)
        if coded is None:
            scope = "convLSTM/LSTM_conv"
        else:
            way, level, _, block, at = coded.groups()
            level = int(level) + 1 if way == "en" else 3 - int(level)
            if block is None:
                scope = f"enc{level}_1" if way == "en" else f"dec{level - 1}_4" if level > 1 else "dec1_0"
            else:
                place = int(block) + 2 if way == "en" else 3 - int(block)
                scope = f"{way}c{level}_{place}/conv{1 + int(at) // 2}"
        array = value.numpy()
        variable = f"g_net/{scope}/{'weights' if kind == 'weight' else 'biases'}"
        found[variable] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    return found


@pytest.mark.parametrize("config", [{}, {"channels": 1}, {"memory": False}], ids=["paper", "lstm", "color"])
def test_checkpoints_of_the_authors_are_read(config, tmp_path):
    torch.manual_seed(3)
    net = make_network("srn", width=2, **config)
    variables = authors_variables(net) | {
        "beta1_power": np.float32(0.9),
        "g_net/dec1_0/weights/Adam": np.zeros(3, "f4"),
    }
    write_checkpoint(tmp_path / "deblur.model-523000", variables)
    paths = find_files("srn", [tmp_path])
    assert [path.name for path in paths] == ["deblur.model-523000.index", "deblur.model-523000.data-00000-of-00001"]
    read = load_network("srn", paths)
    assert read.channels == net.channels and read.parts == net.parts
    for key, value in net.state_dict().items():
        assert torch.equal(read.state_dict()[key], value), key
    with pytest.raises(InputError, match="give the folder of both"):
        load_network("srn", paths[:1])
    del variables["g_net/dec2_4/biases"]
    write_checkpoint(tmp_path / "deblur.model-523000", variables)
    with pytest.raises(InputError, match="expected SRN-DeblurNet, found no 'g_net/dec2_4/biases'"):
        load_network("srn", paths)
