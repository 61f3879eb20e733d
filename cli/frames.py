"""``facedeblur frames``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("videos", type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the set.")
@options.name
@click.option(
    "--length", default=11, show_default=True, help="Number of averaged frames, odd; the middle one is the sharp image."
)
@click.option("--stride", default=None, type=int, help="Frames from one window to the next.  [default: --length]")
@click.option("--gamma", default=1.0, show_default=True, help="1 averages coded values, 2.2 averages light.")
@click.option(
    "--crf", default=None, type=click.Path(), help="Response curve of the camera, 256 lines, instead of --gamma."
)
@click.option("--template", default="shen128", show_default=True, help="Face crop, or none for whole frames.")
@click.option(
    "--face",
    type=click.Choice(["still", "following"]),
    default="still",
    show_default=True,
    help="Use the crop of the middle frame for all, or align every frame.",
)
@click.option(
    "--min-flow",
    default=0.0,
    show_default=True,
    help="Smallest flow between neighbouring frames, in pixels; 0 accepts any change.",
)
@click.option(
    "--min-overlap",
    default=0.0,
    show_default=True,
    help="The first and the last face must overlap by more than this share.",
)
@click.option(
    "--max-cut", default=0.1, show_default=True, help="Largest drop of the correlation between neighbouring frames."
)
@click.option(
    "--repeat",
    default=0.1,
    show_default=True,
    help="Smallest change between neighbouring frames, as a share of the median change.",
)
@click.option(
    "--max-jitter",
    default=0.25,
    show_default=True,
    help="Largest deviation of a frame interval, as a share of the median.",
)
@click.option("--detector", default="dlib-hog", show_default=True, help="Face detector; none needs --template none.")
@click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five landmarks that are aligned.")
@options.chosen_face
@click.option("--reader", type=click.Choice(["av", "cv2"]), default="av", show_default=True, help="Video decoder.")
@click.option(
    "--identity",
    type=click.Choice(["auto", "name", "parent"]),
    default="auto",
    show_default=True,
    help="Where the identity comes from: the name of the video or of its folder.",
)
@click.option(
    "--role",
    type=click.Choice(["test", "train", "probe"]),
    default="test",
    show_default=True,
    help="Role of every pair.",
)
@click.option("--licence", default="", help="Licence of the videos, for the record.")
@options.store
@options.jobs
@options.quiet
@click.pass_context
def frames(ctx: click.Context, videos: str, out: str, quiet: bool, crf: str | None, **given: Any) -> None:
    """Make a set from VIDEOS: means of consecutive frames as blurred images, the middle one as sharp image.

    VIDEOS is a video, a folder of frames, or a folder of these (YouTube Faces, Faces94, GoPro).
    OUT/windows.csv lists every window of frames with its measurements and, if it gave no pair, the
    reason. Run the command again to resume an interrupted run.
    """
    from facedeblur.generators.video.frames import frames as make
    from facedeblur.generators.video.spec import FrameSpec

    chosen = {name: given.pop(name) for name in list(given) if name in FrameSpec.__dataclass_fields__}
    with bars(quiet=quiet) as reporter:
        made = make(videos, out, FrameSpec(crf=crf or "", **chosen), progress=reporter, **given)
    counts, rejected = made.info["counts"], made.info["rejected"]
    if not quiet:
        click.echo(f"{counts['pairs']:>7,}  ok, of {counts['identities']:,} identities")
        for status, count in rejected.items():
            click.echo(f"{count:>7,}  {status}")
        click.echo(f"{counts['photographs']:>7,}  windows of {len(made.info['videos']):,} videos, in {out}/windows.csv")
        click.echo(f"content hash {made.content_hash[:16]}  ->  {made.root}")
    failed = False
    for video in made.info["videos"]:
        lost = not video["windows"].get("ok")
        failed |= lost
        why = ", ".join(f"{status} {count:,}" for status, count in video["windows"].items()) if lost else ""
        note = "; ".join(part for part in (why and f"no pair: {why}", video["note"]) if part)
        if note:
            click.echo(f"{video['video']}: {note}", err=True)
    if failed:
        ctx.exit(1)
