"""The help of every command: options say their value and default, and examples are commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.scoring.protocol import protocols
from facedeblur.cli.main import COMMANDS, facedeblur
from facedeblur.cli.options import Command
from facedeblur.generators.recipe import recipes
from facedeblur.methods.base import METHODS
from facedeblur.methods.training.recipe import train_recipes


def every() -> Iterator[Command]:
    """All commands: the whole, each command, and those in groups."""
    pages = [facedeblur, *(found(name) for theme in COMMANDS.values() for name in theme)]
    for page in pages:
        assert isinstance(page, Command)
        yield page
        yield from getattr(page, "commands", {}).values()


def found(name: str) -> click.Command:
    command = facedeblur.get_command(click.Context(facedeblur), name)
    assert command is not None, f"there is no command '{name}'"
    return command


def lines_of(command: Command) -> list[str]:
    joined = command.examples.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def parsed(line: str) -> click.Context:
    """The context of the innermost command, with every option and argument read as on the command line."""
    program, *rest = shlex.split(line)
    assert program == "facedeblur"
    command: click.Command = found(rest.pop(0))
    while isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), rest.pop(0))
        assert inner is not None, line
        command = inner
    return command.make_context(line, rest)


EVERY = [pytest.param(command, id=str(command.name)) for command in every()]
LINES = sorted({line for command in every() for line in lines_of(command)})


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_a_command(line):
    context = parsed(line)
    training = context.command.name == "train"
    known = {
        "recipe": train_recipes() if training else recipes(),
        "protocol": protocols(),
        "methods": METHODS,
        "method": [*METHODS, "my-net"],
    }
    for name, names in known.items():
        value = context.params.get(name) or ()
        for one in [value] if isinstance(value, str) else value:
            assert one in names or one.endswith((".toml", ".ts")), f"{line}: no {name} '{one}'"


@pytest.mark.parametrize("line", ["facedeblur nosuch", "facedeblur sheet set/ --nosuch", "facedeblur sheet set/"])
def test_an_example_that_is_no_command_is_found(line):
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(line)


@pytest.mark.parametrize("command", EVERY)
def test_help_ends_with_examples_as_they_stand(command):
    shown = CliRunner().invoke(command, ["--help"], terminal_width=80).output
    assert shown.rstrip("\n").endswith("\nExamples:\n" + "\n".join("  " + one for one in command.examples.split("\n")))
    assert max(map(len, shown.splitlines())) <= 80
    assert any(f"facedeblur {command.name}" in line or f" {command.name} " in line for line in lines_of(command)) or (
        command is facedeblur
    )
    # Each command, or each few that belong together, has its comment above.
    assert command.examples.startswith("# ")


@pytest.mark.parametrize("command", EVERY)
def test_an_option_says_its_value_and_its_default(command):
    context = click.Context(command, **command.context_settings)
    for one in command.params:
        if not isinstance(one, click.Option) or (one.is_flag and not one.secondary_opts):
            continue
        left, text = one.get_help_record(context) or ("", "")
        named = one.is_flag or one.metavar or isinstance(one.type, click.Choice)
        assert named, f"{command.name} {left}: give it a metavar that says what is wanted"
        assert re.match(r"[A-Z]", text) or text.startswith("cpu"), f"{command.name} {left}: {text}"
        # A file that need not be given has no default.
        optional = not one.required and not isinstance(one.type, click.Path)
        assert not optional or "[default: " in text, f"{command.name} {left}: say what the default is"
