"""The command line: one page per command, written by mkdocs-click, and a list of them by theme."""

from __future__ import annotations

from importlib import import_module

from markup import prose, table

from facedeblur.cli.main import COMMANDS
from facedeblur.cli.options import Command

INDEX = (
    "Every command has `--help`. Invalid input is reported in one line on the error stream, with exit code 2. Exit "
    "code 1 means that the command finished, but some items failed: they are listed and counted, and nothing is "
    "dropped. Every command can be interrupted; run it again to resume."
)


def navigation() -> list[dict[str, str]]:
    """Name and page of every command, in the order of the help page."""
    return [{name: f"commands/{name}.md"} for theme in COMMANDS.values() for name in theme]


def pages() -> dict[str, str]:
    """Path -> Markdown of every page of the command line."""
    parts, made = ["# Commands", INDEX], {}
    for theme, members in COMMANDS.items():
        rows = [(f"[{name}]({name}.md)", prose(line)) for name, (_, line) in members.items()]
        parts.append(f"## {theme}\n\n" + table(("command", "what it does"), rows))
        for name, (place, _) in members.items():
            module, _, attribute = place.partition(":")
            command: Command = getattr(import_module(f"facedeblur.cli.{module}"), attribute)
            # Naming the module makes mkdocs-click independent of the lazy group.
            made[f"commands/{name}.md"] = (
                f"::: mkdocs-click\n    :module: facedeblur.cli.{module}\n    :command: {attribute}\n"
                f"    :prog_name: facedeblur {name}\n\n## Examples\n\n```bash\n{examples(command)}\n```\n"
            )
    return {"commands/index.md": "\n\n".join(parts) + "\n"} | made


def examples(command: Command) -> str:
    """Examples of a command and of the commands in it."""
    return "\n".join([command.examples, *(examples(one) for one in getattr(command, "commands", {}).values())])
