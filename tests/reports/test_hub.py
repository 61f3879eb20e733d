"""What the Hugging Face Hub reads."""

from __future__ import annotations

import pytest
from refusals import told

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.reports.hub import front_matter, repository, safe_name, task_id, to_yaml


def test_words_in_cards_are_no_numbers_to_yaml_1_2() -> None:
    pytest.importorskip("yaml")
    assert front_matter({"a": "1e5", "b": "0o17", "c": "12/12", "d": "dust"}) == (
        '---\na: "1e5"\nb: "0o17"\nc: "12/12"\nd: dust\n---\n'
    )


def test_yaml_reads_back() -> None:
    yaml = pytest.importorskip("yaml")
    value = [{"notes": "a: b # c\n--- ü", "value": 0.1, "none": None, "words": ["yes", "1.0", "-3", "~"]}]
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize("name", ["me/face-set", "Org_1/a.b-c_2"])
def test_names_of_repositories(name: str) -> None:
    assert repository(name) == name


@pytest.mark.parametrize("name", ["", "me", "me/", "/x", "me/a/b", "me/../x", "me/a b", "https://hf.co/me/x", "me/ü"])
def test_other_names_are_refused(name: str) -> None:
    assert "OWNER/NAME" in told(lambda: repository(name))


def test_tasks_differ_where_definitions_differ() -> None:
    signatures = [
        Signature("psnr", ("rgb", "255")), Signature("psnr", ("y", "255")), Signature("psnr"),
        Signature("identity", ("dlib-resnet@0123abcd", "l2")), Signature("identity", ("dlib-resnet@0123abce", "l2")),
    ]  # fmt: skip
    tasks = [task_id(str(one)) for one in signatures]
    assert len(set(tasks)) == len(tasks)
    assert tasks[0] == "psnr-rgb-255" and tasks[3] == "identity-dlib-resnet-0123abcd-l2"


def test_safe_names() -> None:
    assert [safe_name(text, "other") for text in ("a b", "../x", "...", "ü")] == ["a-b", "x", "other", "other"]
