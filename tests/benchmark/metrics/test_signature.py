"""A signature is written, read back and refused by the same rules."""

from __future__ import annotations

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.signature import Signature


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        (Signature("psnr", ("rgb", "255")), "psnr[rgb,255]"),
        (Signature("ssim", ("matlab3d", "s1.5", "w11")), "ssim[matlab3d,s1.5,w11]"),
        (Signature("identity", ("facenet-vggface2@0a1b2c3d", "l2")), "identity[facenet-vggface2@0a1b2c3d,l2]"),
        (Signature("seconds"), "seconds"),
    ],
)
def test_text_round_trips(signature: Signature, text: str) -> None:
    assert str(signature) == text
    assert Signature.parse(text) == signature
    assert hash(Signature.parse(text)) == hash(signature)


def test_blanks_are_ignored() -> None:
    assert Signature.parse("  psnr [ rgb, 255 ] ") == Signature("psnr", ("rgb", "255"))


def test_order_of_options_is_part_of_the_name() -> None:
    assert Signature("a", ("b", "c")) != Signature("a", ("c", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "[rgb]",
        "PSNR",
        "psnr[",
        "psnr]",
        "psnr[]",
        "psnr[rgb,]",
        "psnr[,rgb]",
        "psnr[a[b]]",
        "psnr[a]b",
        "1psnr",
    ],
)
def test_malformed_text_is_quoted(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Signature.parse(text)
    assert f"'{text.strip().partition('[')[0]}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arg", ["", "a,b", "a]", "a b", "a;b", "à"])
def test_option_that_would_not_parse_back_is_refused(arg: str) -> None:
    with pytest.raises(InputError, match="option"):
        Signature("psnr", (arg,))


def test_the_bad_option_is_the_one_quoted() -> None:
    with pytest.raises(InputError, match="option 'r;gb' of metric 'psnr'"):
        Signature.parse("psnr[255,r;gb]")
