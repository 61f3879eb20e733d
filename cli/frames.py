"""``facedeblur frames``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many, word
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.sets.set import Set


class Length(click.ParamType):
    """A number of frames, or ``all``."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "all" or isinstance(value, int):
            return value
        if not str(value).isdecimal():
            self.fail(f"'{value}' is neither a number of frames nor 'all'", param, ctx)
        return int(value)


@options.command(
    examples="""
    # Average 11 frames at a time, cropped to the face
    facedeblur frames videos/ -o set/
    # Average all frames of each video, as Anand et al. do
    facedeblur frames videos/ -o set/ --length all --repeated drop --cuts split
    # Average light instead of coded values; the face must move in every step
    facedeblur frames videos/ -o set/ --gamma 2.2 --min-flow 1
    # Use 70 % of the people for training; make the set of the others
    facedeblur frames videos/ -o test-set/ --split 0.7 --role test
    # Use whole frames of any scene
    facedeblur frames videos/ -o set/ --template none --detector none
    """
)
@click.argument("videos", type=click.Path())
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder of the new set.")
@options.name("frames-LENGTH")
@click.option(
    "--length",
    metavar="N",
    type=Length(),
    default=11,
    help="Number of frames that are averaged, or all for all frames of each video; the middle one is the sharp image.",
)
@click.option(
    "--stride",
    metavar="N",
    default=0,
    show_default="--length",
    help="Number of frames from the start of one window to the start of the next.",
)
@click.option(
    "--middle",
    type=click.Choice(["later", "earlier"]),
    default="later",
    help="Which of the two frames in the middle of an even number is the sharp image.",
)
@click.option(
    "--gamma",
    metavar="EXPONENT",
    default=1.0,
    help="Exponent that turns coded values into light before averaging; 1 averages coded values, 2.2 light.",
)
@click.option(
    "--crf",
    metavar="FILE",
    default=None,
    type=click.Path(),
    help="Response curve of the camera, a file of 256 lines; use it instead of --gamma.",
)
@click.option(
    "--template",
    metavar="TEMPLATE",
    default="shen128",
    help="Size and placement of the crops: a name from `facedeblur list templates`, a TOML file, or none for whole "
    "frames.",
)
@click.option(
    "--face",
    type=click.Choice(["still", "following"]),
    default="still",
    help="Cut all frames like the middle one (still), or align each frame (following).",
)
@click.option(
    "--min-motion",
    metavar="PIXELS",
    default=0.1,
    help="Reject windows in which the face hardly moves: half of the frames must lie at least this far from the middle "
    "one (median optical flow). Frames that differ by noise of up to 4 grey levels alone lie within 0.1.",
)
@click.option(
    "--min-flow",
    metavar="PIXELS",
    default=0.0,
    help="Reject windows in which the face moves less than this in some step from frame to frame (median optical "
    "flow).",
)
@click.option(
    "--min-overlap",
    metavar="SHARE",
    default=0.0,
    help="Reject windows unless the face boxes of the first and the last frame overlap by more than this "
    "(intersection over union, 0 to 1).",
)
@click.option(
    "--max-cut",
    metavar="DROP",
    default=0.1,
    help="Reject windows with a shot cut: one step at which the correlation of neighbouring frames drops by more than "
    "this, and far more than at the others.",
)
@click.option(
    "--cuts",
    type=click.Choice(["reject", "split"]),
    default="reject",
    help="With --length all: reject videos with a shot cut, or take each shot as a sequence.",
)
@click.option(
    "--min-difference",
    metavar="LEVELS",
    default=1,
    help="Grey levels by which a frame must differ from the one before, in some sample; it is a repeated frame "
    "otherwise.",
)
@click.option(
    "--repeat",
    metavar="SHARE",
    default=0.1,
    help="Frames that change by less than this share of the median change are repeated ones, too.",
)
@click.option(
    "--repeated",
    type=click.Choice(["reject", "drop"]),
    default="reject",
    help="Reject windows with repeated frames, or leave these frames out of the mean.",
)
@click.option(
    "--max-jitter",
    metavar="SHARE",
    default=0.25,
    help="Reject windows in which a frame interval deviates from the median by more than this share of it.",
)
@options.finders
@click.option(
    "--reader", type=click.Choice(["av", "cv2"]), default="av", help="Video decoder: PyAV (av) or OpenCV (cv2)."
)
@click.option(
    "--identity",
    type=click.Choice(["auto", "name", "parent"]),
    default="auto",
    help="Take the identity from the name of the video (name) or of its folder (parent); auto uses the folder if the "
    "name of the video says nothing, such as 12 or frames.",
)
@click.option(
    "--split",
    "train_share",
    metavar="SHARE",
    default=0.0,
    show_default="no split",
    help="Use this share of the identities (0 to 1) for training and the others for testing, chosen by --seed. Adding "
    "videos moves nobody.",
)
@click.option(
    "--role",
    type=click.Choice(["test", "train", "probe"]),
    show_default="test, or both parts of --split",
    help="Role of every pair. With --split, make only this part of the set.",
)
@options.seed("--split")
@options.licence
@options.store
@options.jobs
@options.quiet
@click.pass_context
def frames(ctx: click.Context, videos: str, out: str, quiet: bool, **given: Any) -> None:
    """Make a set from VIDEOS: the mean of consecutive frames is a blurred image, the middle frame its sharp one.

    VIDEOS is a video, a folder of frames, or a folder of these (YouTube Faces, Faces94, GoPro).
    A window of --length frames, or a whole video, gives one pair. OUT/windows.csv lists every window with
    its measurements and, if it was rejected, the reason. Whole frames (--template none) need no face, and
    --detector none skips the search for one. Run the command again to resume an interrupted run.
    """
    from facedeblur.cli.display.summary import print_videos
    from facedeblur.generators.video.frames import frames as make
    from facedeblur.generators.video.spec import FrameSpec

    named = [name for name in given if name in FrameSpec.__dataclass_fields__]
    chosen = {name: value for name in named if (value := given.pop(name)) is not None}
    with bars(quiet=quiet) as reporter:
        made = make(videos, out, FrameSpec(**chosen), progress=reporter, **given)
    counts, rejected = made.info["counts"], made.info["rejected"]
    if not quiet:
        click.echo(
            f"{counts['pairs']:>7,}  ok, of {many(counts['identities'], 'identity', 'identities')}{_parts(made)}"
        )
        for status, count in rejected.items():
            click.echo(f"{count:>7,}  {status}")
        windows, videos = word(counts["photographs"], "window"), many(len(made.info["videos"]), "video")
        click.echo(f"{counts['photographs']:>7,}  {windows} of {videos}, listed in {out}/windows.csv")
        click.echo(f"content hash {made.content_hash[:16]}  ->  {made.root}")
    if print_videos(made):
        ctx.exit(1)


def _parts(made: Set) -> str:
    """The pairs and identities of each role, where there are several."""
    people: dict[str, list[str]] = {}
    for image in made.images.values():
        if image.ok:
            people.setdefault(image.role, []).append(image.identity)
    if len(people) < 2:
        return ""
    told = (f"{len(people[role]):,} {role} of {len(set(people[role])):,}" for role in sorted(people))
    return f" ({', '.join(told)})"
