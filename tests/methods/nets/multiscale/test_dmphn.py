"""DMPHN: patches and their order, what the levels give to one another, sizes, and the authors' files."""

from __future__ import annotations

import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import find_files, load_network
from facedeblur.methods.nets.multiscale.dmphn import divided, joined


def test_patches_are_of_one_image_row_by_row_and_joined_again():
    images = torch.rand(2, 3, 8, 4)
    patches = divided(images, (4, 2))
    assert patches.shape == (16, 3, 2, 2)
    for number, image in enumerate(images):
        for row in range(4):
            for column in range(2):
                cut = image[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                assert torch.equal(patches[8 * number + 2 * row + column], cut)
    assert torch.equal(joined(patches, (4, 2)), images)


@pytest.mark.parametrize(("levels", "parameters", "megabytes"), [(2, 3_616_262, 14.5), (3, 5_424_393, 21.7)])
def test_fewer_levels_have_the_printed_sizes(levels, parameters, megabytes):
    with torch.device("meta"):
        count = sum(each.numel() for each in make_network("dmphn", levels=levels).parameters())
    assert count == parameters and round(count * 4 / 1e6, 1) == megabytes


def test_encoders_and_decoders_have_the_layers_of_the_paper():
    net = make_network("dmphn", width=4)
    for half, transposed in ((net.encoders[0], 0), (net.decoders[0], 2)):
        kinds = [type(module).__name__ for module in half.modules()]
        assert kinds.count("ConvTranspose2d") == transposed and kinds.count("Conv2d") + transposed == 15
        assert kinds.count("Residual") == kinds.count("ReLU") == 6


def test_levels_are_the_equations_of_the_paper():
    """F is an encoder, G a decoder, B the patches, S what the level below corrects; patches one after the other."""
    torch.manual_seed(1)
    net = make_network("dmphn", levels=3, width=4).eval()
    blurred = torch.rand(1, 3, 16, 24)
    b = blurred - 0.5
    (f1, f2, f3), (g1, g2, g3) = net.encoders, net.decoders
    with torch.no_grad():
        quarters = [half.chunk(2, 3) for half in b.chunk(2, 2)]
        joined3 = [torch.cat([f3(left), f3(right)], 3) for left, right in quarters]
        corrected = [half + g3(features) for half, features in zip(b.chunk(2, 2), joined3, strict=True)]
        c2 = [f2(half) + features for half, features in zip(corrected, joined3, strict=True)]
        joined2 = torch.cat(c2, 2)
        c1 = f1(b + g2(joined2)) + joined2
        torch.testing.assert_close(net(blurred), g1(c1) + 0.5, rtol=1e-4, atol=1e-5)


def test_sizes_and_settings_that_do_not_fit_are_refused():
    assert [make_network("dmphn", levels=levels, width=1).multiple for levels in (2, 3, 4)] == [8, 8, 16]
    for wrong in ({"levels": 1}, {"levels": 5}, {"width": 0}):
        with pytest.raises(InputError, match="of dmphn"):
            make_network("dmphn", **wrong)


def test_the_authors_files_are_read(tmp_path):
    net = make_network("dmphn")
    for part, modules in (("encoder", net.encoders), ("decoder", net.decoders)):
        for level, module in enumerate(modules, 1):
            # Layers with gaps in their numbers, more than nine of them, and not in their order.
            theirs = {
                f"layer{2 * int(k.split('.')[0])}.{k.split('.', 1)[1]}": v for k, v in module.state_dict().items()
            }
            torch.save(dict(reversed(theirs.items())), tmp_path / f"{part}_lv{level}.pkl")
    paths = find_files("dmphn", [tmp_path])
    assert len(paths) == 8
    read = load_network("dmphn", paths)
    for key, value in net.state_dict().items():
        assert torch.equal(read.state_dict()[key], value), key
    with pytest.raises(InputError, match=r"lv1.pkl, .*, decoder_lv3.pkl and decoder_lv4.pkl, .*give the folder of all"):
        load_network("dmphn", paths[:1])
    torch.save({"layer1.weight": torch.zeros(3)}, paths[4])
    with pytest.raises(InputError, match=r"decoder_lv1.pkl: expected 30 tensors of DMPHN, found 1"):
        load_network("dmphn", paths)
