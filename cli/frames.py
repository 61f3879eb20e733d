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
@click.option("--length", default=11, show_default=True, help="Frames averaged; odd, the middle one is sharp.")
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
    help="Hold the crop of the middle frame, or align every frame.",
)
@click.option(
    "--min-flow", default=0.0, show_default=True, help="Least flow between neighbours in pixels; 0: any change."
)
@click.option("--min-overlap", default=0.0, show_default=True, help="Least of first and last face, exclusive.")
@click.option("--max-cut", default=0.1, show_default=True, help="Greatest fall of correlation between neighbours.")
@click.option("--repeat", default=0.1, show_default=True, help="Least change, as a share of the median change.")
@click.option("--max-jitter", default=0.25, show_default=True, help="Unevenness of frame times, as a share.")
@click.option("--detector", default="dlib-hog", show_default=True, help="Finds the faces; none with --template none.")
@click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five points that are aligned.")
@options.chosen_face
@click.option("--reader", type=click.Choice(["av", "cv2"]), default="av", show_default=True, help="Decodes files.")
@click.option(
    "--identity",
    type=click.Choice(["auto", "name", "parent"]),
    default="auto",
    show_default=True,
    help="Whose face a video shows: its own name or its folder's.",
)
@click.option(
    "--role", type=click.Choice(["test", "train", "probe"]), default="test", show_default=True, help="Of every pair."
)
@click.option("--licence", default="", help="Licence of the videos, for the record.")
@options.store
@options.jobs
@options.quiet
@click.pass_context
def frames(ctx: click.Context, videos: str, out: str, quiet: bool, crf: str | None, **given: Any) -> None:
    """Make a set from VIDEOS: means of consecutive frames, the middle one sharp.

    VIDEOS is a video, a folder of frames, or a folder of these (YouTube Faces, Faces94, GoPro).
    Every window of frames is listed in OUT/windows.csv with its measures and, where it gave no
    pair, the reason. A stopped run goes on when the same command is run again.
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
