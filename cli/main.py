"""The ``facedeblur`` command: a lazy group, so that ``--help`` loads no command."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from facedeblur.benchmark.errors import InputError, explain

# Theme -> command -> (module:attribute, line for the help page).
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Whole chain": {
        "demo": ("demo:demo", "Run everything on two public-domain portraits, or on your own photographs."),
    },
    "Make a set": {
        "kernels": ("kernels:kernels", "Make motion-blur point spread functions."),
        "align": ("align:align", "Cut aligned face crops out of photographs."),
        "frames": ("frames:frames", "Average frames of videos to blurred and sharp pairs."),
        "split": ("split:split", "Divide photographs into training and test, or probes and gallery."),
        "build": ("build:build", "Build a test set from a recipe and photographs of faces."),
        "pairs": ("pairs:pairs", "Write training pairs as shards or as a folder."),
        "sheet": ("sheet:sheet", "Draw a contact sheet of a set."),
        "check": ("check:check", "Verify every file of a set."),
    },
    "Train": {
        "train": ("train:train", "Train a network by the recipe of its paper."),
        "export": ("export:export", "Write a network as ONNX, checked against torch."),
    },
    "Run and score": {
        "run": ("run:run", "Restore a set with a method."),
        "recognise": ("recognise:recognise", "Look for restored faces in the gallery of a set."),
        "parse": ("parse:parse", "Compare the parts of restored faces with the labels of a set."),
        "fid": ("fid:fid", "Compare the distributions of restored and sharp images."),
        "score": ("score:score", "Score the outputs of methods by a protocol."),
    },
    "Publish": {
        "compare": ("compare:compare", "Compare two methods pair by pair."),
        "error-ratio": ("error_ratio:error_ratio", "Count how often a method comes near the true kernel's result."),
        "leaderboard": ("leaderboard:leaderboard", "Compare methods in one table."),
        "tables": ("tables:tables", "Fill a paper's own tables, measured beside printed values."),
        "figure": ("figure:figure", "Draw figures for a paper: images side by side, and plots."),
        "report": ("report:report", "Write a self-contained HTML report."),
    },
    "Look around": {
        "list": ("list_:list_", "List what is registered: methods, metrics, recipes, face providers."),
        "info": ("info:info", "Show what is installed, which weights are there, which device is used."),
    },
}


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for theme in COMMANDS.values() for name in theme]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for theme in COMMANDS.values():
            if cmd_name in theme:
                module, _, attribute = theme[cmd_name][0].partition(":")
                command: click.Command = getattr(import_module(f"facedeblur.cli.{module}"), attribute)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from facedeblur.benchmark.errors import suggest

            raise click.UsageError(f"no command '{args[0]}'; {suggest(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for theme in COMMANDS.values() for name in theme)
        for title, theme in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in theme.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="facedeblur", prog_name="facedeblur")
def facedeblur() -> None:
    """Make face-deblurring test sets, run methods on them, score the outputs, publish the comparison."""


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    try:
        code = facedeblur.main(args=argv, prog_name="facedeblur", standalone_mode=False)
        # Under standalone_mode=False ctx.exit(n) returns n.
        sys.exit(code if isinstance(code, int) else 0)
    except InputError as error:
        _fail(str(error))
    except click.exceptions.Abort:
        _interrupted()
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except KeyboardInterrupt:
        _interrupted()
    except BrokenPipeError:
        # The reader of our output is gone; python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(str(explain(error)))


def _fail(line: str) -> None:
    click.echo(f"facedeblur: {line}", err=True)
    sys.exit(2)


def _interrupted() -> None:
    click.echo("facedeblur: stopped; run the same command again to go on from here", err=True)
    sys.exit(130)


if __name__ == "__main__":
    main()
