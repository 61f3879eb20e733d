"""The command line, from click: one page a command."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click
from docstrings import code, fenced, prose, table

from facedeblur.cli.main import COMMANDS, facedeblur


@dataclass(frozen=True)
class Command:
    """A command, the words it is called by, and the theme of the help page it stands under."""

    words: tuple[str, ...]
    command: click.Command
    context: click.Context
    theme: str

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def page(self) -> str:
        """Path of its page."""
        return f"commands/{'-'.join(self.words)}.md"


def commands() -> Iterator[Command]:
    """Every command that can be called, those of groups too, in the order of the help page."""
    above = click.Context(facedeblur, info_name="facedeblur")
    for theme, members in COMMANDS.items():
        for name in members:
            command = facedeblur.get_command(above, name)
            if command is not None:
                yield from _walk((name,), command, above, theme)


def _walk(words: tuple[str, ...], command: click.Command, above: click.Context, theme: str) -> Iterator[Command]:
    context = click.Context(command, info_name=words[-1], parent=above)
    yield Command(words, command, context, theme)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None:
                yield from _walk((*words, name), member, context, theme)


def help_text(command: click.Command) -> str:
    """What ``--help`` says above the options."""
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def explained(command: click.Command) -> str:
    """The same as Markdown; indented lines of a paragraph that click leaves as it is are commands."""
    parts = []
    for block in inspect.cleandoc(command.help or "").split("\n\n"):
        if not block.startswith("\b\n"):
            parts.append(prose(block))
            continue
        lines = block.split("\n")[1:]
        parts.append(prose("\n".join(line for line in lines if not line.startswith(" "))))
        parts.append(fenced("\n".join(line.strip() for line in lines if line.startswith(" ")), "text"))
    return "\n\n".join(parts)


def whole_help(found: Command) -> str:
    """What a command and the groups around it say of their arguments."""
    texts, context = [], found.context
    while context.parent is not None:
        texts.append(help_text(context.command))
        context = context.parent
    return "\n\n".join(texts)


def arguments(found: Command) -> list[str]:
    """What stands in the usage line for each positional argument, without brackets and dots."""
    shown = [p.make_metavar(found.context) for p in found.command.params if isinstance(p, click.Argument)]
    return [one.strip("[]. ").rstrip("]. ") for one in shown]


def options(found: Command) -> list[click.Option]:
    """Options that the command shows."""
    return [p for p in found.command.params if isinstance(p, click.Option) and not p.hidden]


def command_page(found: Command) -> str:
    """Usage, explanation and options of one command."""
    pieces = " ".join(["facedeblur", found.name, *found.command.collect_usage_pieces(found.context)])
    parts = [f"# facedeblur {found.name}", fenced(pieces, "text"), explained(found.command)]
    rows = [(_names(option, found.context), _meaning(option, found.context)) for option in options(found)]
    if rows:
        parts.append("## Options\n\n" + table(("option", "meaning"), rows))
    if isinstance(found.command, click.Group):
        rows = []
        for name, member in found.command.commands.items():
            line = help_text(member).partition("\n\n")[0]
            rows.append((f"[{name}]({'-'.join((*found.words, name))}.md)", prose(" ".join(line.split()))))
        parts.append("## Commands\n\n" + table(("command", "what it does"), rows))
    return "\n\n".join(parts) + "\n"


def _names(option: click.Option, context: click.Context) -> str:
    flags = [*option.opts, *option.secondary_opts]
    names = ", ".join(code(flag) for flag in flags)
    if option.is_flag or option.count or isinstance(option.type, click.Choice):
        return names
    return f"{names} {code(option.make_metavar(context))}"


def _meaning(option: click.Option, context: click.Context) -> str:
    text = re.sub(r"\s*\[default: (.*?)\]", r" Default: \1.", prose(option.help or ""))
    marks = []
    if isinstance(option.type, click.Choice):
        marks.append("One of " + ", ".join(code(choice) for choice in option.type.choices) + ".")
    if option.multiple and "epeatable" not in (option.help or ""):
        marks.append("Repeatable.")
    if option.required:
        marks.append("**Required.**")
    default = option.get_default(context)
    plain = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
    if plain and not option.is_flag and "[default:" not in (option.help or ""):
        marks.append(f"Default: {code(default)}.")
    if isinstance(default, tuple | list) and default:
        marks.append("Default: " + ", ".join(code(one) for one in default) + ".")
    return " ".join([text, *marks]).strip()


def index_page() -> str:
    """All commands by theme."""
    parts = [
        "# Commands",
        "Every command has `--help`. Bad input is one line on the error stream and exit code 2. Exit code 1 says that "
        "the command went through, but some item failed: it is listed and counted, nothing is dropped. A command that "
        "was stopped goes on when it is run again.",
    ]
    for theme, members in COMMANDS.items():
        rows = [(f"[{name}]({name}.md)", prose(line)) for name, (_, line) in members.items()]
        parts.append(f"## {theme}\n\n" + table(("command", "what it does"), rows))
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Path -> Markdown of every page of the command line."""
    return {"commands/index.md": index_page()} | {found.page: command_page(found) for found in commands()}
