"""The ``facedeblur`` command: a lazy group, so that ``--help`` loads no command."""

from __future__ import annotations

# First of all: Ctrl-C may strike during the imports below.
from facedeblur.cli import interrupts  # isort: split

import os
import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

from facedeblur.benchmark.errors import InputError, explain, shorten
from facedeblur.cli.options import Group

# Theme -> command -> (module:attribute, line for the help page).
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Whole chain": {
        "demo": ("demo:demo", "Run everything on faces that come with facedeblur, or on your own."),
    },
    "Make a set": {
        "kernels": ("kernels:kernels", "Make motion-blur kernels (point spread functions)."),
        "align": ("align:align", "Cut aligned face crops out of photographs."),
        "label": ("label:label", "Label faces that have no labels, by a parser or a parsing network."),
        "frames": ("frames:frames", "Average frames of videos into blurred and sharp pairs."),
        "split": ("split:split", "Divide people into training and test, or images into probes and gallery."),
        "build": ("build:build", "Build a test set from a recipe and photographs of faces."),
        "pairs": ("pairs:pairs", "Write training pairs as shards or as a folder."),
        "sheet": ("sheet:sheet", "Draw a contact sheet of a set."),
        "check": ("check:check", "Check every file of a set, and that training and test are apart."),
    },
    "Train": {
        "train": ("train:train", "Train a network by the recipe of its paper."),
        "ablate": ("ablate:ablate", "Train the networks of an ablation and fill the paper's table."),
        "channel-weights": (
            "channel_weights:channel_weights",
            "Average the channel weights of DFPGnet's discriminator over a set.",
        ),
        "confidence": ("confidence:confidence", "Estimate how well UMSN restores each semantic class."),
        "export": ("export:export", "Write a network as ONNX, TorchScript or torch.export file."),
    },
    "Run and score": {
        "run": ("run:run", "Restore a set with a method."),
        "adopt": ("adopt:adopt", "Make outputs of images that another program restored."),
        "recognise": ("recognise:recognise", "Look for restored faces in the gallery of a set."),
        "parse": ("parse:parse", "Compare the parts of restored faces with the label images of a set."),
        "fid": ("fid:fid", "Compare the distributions of restored and sharp images."),
        "score": ("score:score", "Score the outputs of methods by a protocol."),
    },
    "Publish": {
        "compare": ("compare:compare", "Compare two methods, or every two of several, pair by pair."),
        "error-ratio": (
            "error_ratio:error_ratio",
            "Count how often methods come close to the true kernel's result.",
        ),
        "board": ("board:board", "Write the scores of methods into one small file, for --with."),
        "leaderboard": ("leaderboard:leaderboard", "Compare methods in one table."),
        "tables": ("tables:tables", "Fill the tables of a paper: measured next to printed values."),
        "figure": ("figure:figure", "Draw figures for a paper: images side by side, and plots."),
        "report": ("report:report", "Write a self-contained HTML report."),
        "card": ("card:card", "Write a data set card of a set for the Hugging Face Hub."),
    },
    "Look around": {
        "list": ("list_:list_", "List what can be chosen by name: methods, metrics, recipes and more."),
        "info": ("info:info", "Show what is installed, which weights were found, which device is used."),
    },
}


class Commands(Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for theme in COMMANDS.values() for name in theme]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for theme in COMMANDS.values():
            if cmd_name in theme:
                module, _, attribute = theme[cmd_name][0].partition(":")
                command: click.Command = getattr(import_module(f"facedeblur.cli.{module}"), attribute)
                return command
        return None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Otherwise click prints an empty line, even into a log file.
            raise click.exceptions.Abort from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from facedeblur.benchmark.errors import suggest

            raise click.UsageError(f"unknown command '{args[0]}'; {suggest(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for theme in COMMANDS.values() for name in theme)
        for title, theme in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in theme.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples="""
    # See everything at work, in about a minute
    facedeblur demo
    # Build a set, run a method on it, score it and compare
    facedeblur build shen2020 --faces photos/ -o set/
    facedeblur run facedeblur-base set/ -o outputs/base
    facedeblur score set/ outputs/base --protocol shen2020
    facedeblur leaderboard outputs/*
    """,
)
@click.version_option(package_name="facedeblur", prog_name="facedeblur")
def facedeblur() -> None:
    """Make face-deblurring test sets, run methods on them, score the outputs and publish the comparison."""


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; bad input is one line on standard error and exit code 2, Ctrl-C is one line and 130."""
    if not sys.warnoptions:
        # Libraries' warnings would precede our line; workers inherit the variables.
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    with interrupts.noted() as interrupted:
        try:
            code = facedeblur.main(args=argv, prog_name="facedeblur", standalone_mode=False)
        except Exception as error:
            # Whatever library was interrupted may have made another error of it.
            if interrupted or isinstance(error, click.exceptions.Abort):
                _stopped()
            _tell(error)
        except KeyboardInterrupt:
            _stopped()
        compiled = sys.modules.get("facedeblur.benchmark.compiled")
        if compiled is not None and compiled.note:
            click.echo(f"facedeblur: {compiled.note}", err=True)
        # Under standalone_mode=False ctx.exit(n) returns n.
        sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Exception) -> NoReturn:
    """Say in one line what the user can mend, and exit; anything else is an error of ours and is raised."""
    if isinstance(error, InputError):
        _fail(str(error))
    if isinstance(error, click.ClickException):
        error.show()
        sys.exit(2)
    if isinstance(error, BrokenPipeError):
        # The reader of our output has closed the pipe; Python would raise again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    if isinstance(error, OSError):
        _fail(str(explain(error)))
    if isinstance(error, OverflowError):
        _fail(f"a number is too large ({shorten(str(error))}); choose a smaller one")
    if isinstance(error, MemoryError):
        _fail(f"not enough memory ({shorten(str(error)) or 'for what was asked'}); use smaller numbers or files")
    raise error


def _fail(line: str) -> NoReturn:
    click.echo(f"facedeblur: {line}", err=True)
    sys.exit(2)


def _stopped() -> NoReturn:
    click.echo(interrupts.stopped(), err=True)
    sys.exit(130)


interrupts.imported()

if __name__ == "__main__":
    main()
