"""The kind ``container``, with a script in the place of docker, podman and apptainer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.find import find_method
from facedeblur.methods.kinds.container import command_line
from facedeblur.methods.running.runner import run

# Copies what is mounted as input to what is mounted as output, as a container would; writes down how it was called.
FAKE = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as stream:
    stream.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "image":
    if (here / "absent").exists():
        sys.exit("Error: No such image: lab/deblur:1.0")
    print("sha256:" + (here / "number").read_text() * 64)
if sys.argv[1] == "run":
    bound = [one for one in sys.argv if one.startswith("type=bind")]
    mounts = [dict(part.split("=", 1) for part in one.split(",") if "=" in part) for one in bound]
    if (here / "hang").exists():
        (here / "pid").write_text(str(os.getpid()))
        time.sleep(100)
    if (here / "fail").exists():
        sys.exit("no such image")
    for file in pathlib.Path(mounts[0]["source"]).iterdir():
        shutil.copy(file, pathlib.Path(mounts[1]["source"]) / file.name)
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A folder with a docker that writes down its calls, first in the PATH; nothing else there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "docker"
    program.write_text(FAKE)
    program.chmod(0o755)
    (folder / "number").write_text("a")
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def block(tmp_path):
    def write(extra: str = "") -> Path:
        file = tmp_path / "boxed.toml"
        file.write_text(
            'kind = "container"\nimage = "lab/deblur:1.0"\nversion = "1.0"\n'
            f'argv = ["restore", "--in={{input}}", "--out", "{{output}}"]\n{extra}'
        )
        return file

    return write


def calls(folder: Path) -> list[list[str]]:
    """What the engine was called with, except for the number of an image."""
    lines = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    return [line for line in lines if line[0] != "image"]


def arguments(engine: str, *, gpus: bool = False) -> list[str]:
    source, target = Path("/scratch/a/input"), Path("/scratch/a/output")
    argv = ["restore", "--in={input}", "{output}", "$(date); {inputs}"]
    return command_line(engine, f"/bin/{engine}", "lab/x:1", argv, source=source, target=target, name="box", gpus=gpus)


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_command_line_of_docker_and_podman(engine):
    line = arguments(engine)
    image = line.index("lab/x:1")
    assert line[:2] == [f"/bin/{engine}", "run"]
    # What the program is given is one list; nothing of it is read by a shell.
    assert line[image + 1 :] == ["restore", "--in=/input", "/output", "$(date); {inputs}"]
    options = " ".join(line[2:image])
    assert "--network none" in options
    assert "--pull never" in options
    assert "--mount type=bind,source=/scratch/a/input,target=/input,readonly" in options
    assert "--mount type=bind,source=/scratch/a/output,target=/output" in options
    assert ("--userns keep-id" in options) == (engine == "podman")
    assert (f"--user {os.getuid()}:{os.getgid()}" in options) == (engine == "docker")
    assert "gpu" not in options
    assert {"docker": "--gpus all", "podman": "--device nvidia.com/gpu=all"}[engine] in " ".join(
        arguments(engine, gpus=True)
    )


def test_the_command_line_of_apptainer():
    line = arguments("apptainer", gpus=True)
    assert line == [
        "/bin/apptainer", "exec", "--containall", "--net", "--network", "none", "--nv",
        "--bind", "/scratch/a/input:/input:ro", "--bind", "/scratch/a/output:/output:rw",
        "lab/x:1", "restore", "--in=/input", "/output", "$(date); {inputs}",
    ]  # fmt: skip


def test_a_run_in_a_container(make_set, tmp_path, engine, block):
    set_ = make_set(sizes=(13,), shapes=((32, 32), (32, 32)))
    outputs = run(block(), set_.root, tmp_path / "out")
    assert [row.status for row in outputs.statuses()] == ["ok"] * 2
    assert outputs.info["options"] == {
        "engine": "docker", "image": "lab/deblur:1.0", "argv": ["restore", "--in={input}", "--out", "{output}"],
        "gpus": False,
    }  # fmt: skip
    assert [call[0] for call in calls(engine)] == ["run"]
    (engine / "fail").touch()
    outputs = run(block(), set_.root, tmp_path / "failed")
    assert {row.status for row in outputs.statuses()} == {"failed: command ended with exit code 1: no such image"}


def test_the_container_ends_with_the_worker(tmp_path, engine, block):
    """Its client may be killed; the container is removed all the same."""
    (engine / "hang").touch()
    for name in ("input", "output"):
        (tmp_path / name).mkdir()
    entry = find_method(block())
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom facedeblur.methods.kinds.container import Container\n"
        f"Container(**{entry.options | entry.fixed!r}).restore_folder(Path({str(tmp_path / 'input')!r}), "
        f"Path({str(tmp_path / 'output')!r}))"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL)
    assert until(lambda: (engine / "pid").exists())
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert until(lambda: len(calls(engine)) == 2)
    started, ended = calls(engine)
    assert ended == ["rm", "--force", started[started.index("--name") + 1]]


def until(done, *, limit: float = 20.0) -> bool:
    end = time.monotonic() + limit
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize(("extra", "why"), [
    ('engine = "podman"', "podman is not installed"),
    ('engine = "dockr"', "engine 'dockr'.*did you mean 'docker'"),
    ("shell = true", "key 'shell'"),
])  # fmt: skip
def test_unusable_blocks_are_one_line(extra, why, engine, block):
    with pytest.raises(InputError, match=why):
        find_method(block(extra))


def test_folders_and_options_are_checked(tmp_path, engine, block):
    file = tmp_path / "blind.toml"
    file.write_text('kind = "container"\nimage = "x"\nargv = ["restore", "{input}"]\n')
    with pytest.raises(InputError, match=r"'\{output\}' is missing from argv"):
        find_method(file)
    with pytest.raises(InputError, match="a container has no options"):
        find_method(block(), options={"gpus": "1"})


def test_where_no_engine_is_installed(tmp_path, monkeypatch, block):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(InputError) as error:
        find_method(block())
    assert "docker, podman, apptainer are not installed; install docker or podman or apptainer" in str(error.value)


def test_an_image_file_of_apptainer_is_part_of_the_method(tmp_path, monkeypatch, engine, block):
    (engine / "docker").rename(engine / "apptainer")
    (tmp_path / "box.sif").write_bytes(b"image")
    file = block()
    file.write_text(file.read_text().replace("lab/deblur:1.0", "box.sif"))
    entry = find_method(file)
    assert entry.fixed["image"] == str(tmp_path / "box.sif")
    assert list(entry.code) == ["box.sif"]
    (tmp_path / "box.sif").unlink()
    with pytest.raises(InputError, match=r"image 'box.sif' is not a file; fetch it with apptainer pull"):
        find_method(file)


def test_another_image_of_the_same_name_is_another_run(make_set, tmp_path, engine, block):
    set_ = make_set(sizes=(13,), shapes=((32, 32), (32, 32)))
    first = run(block(), set_.root, tmp_path / "out")
    assert first.info["code"] == {"lab/deblur:1.0": "a" * 64}
    started = calls(engine)[0]
    assert "sha256:" + "a" * 64 in started and "lab/deblur:1.0" not in started
    (engine / "number").write_text("b")
    with pytest.raises(InputError, match="expected a run with code"):
        run(block(), set_.root, tmp_path / "out")
    assert run(block(), set_.root, tmp_path / "other").run_hash != first.run_hash


def test_an_image_that_is_not_there_is_one_line(engine, block):
    (engine / "absent").touch()
    with pytest.raises(InputError) as error:
        find_method(block())
    assert "docker has no image 'lab/deblur:1.0' (Error: No such image: lab/deblur:1.0)" in str(error.value)
    assert str(error.value).endswith("; run: docker pull lab/deblur:1.0")
