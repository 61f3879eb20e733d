"""Print summaries of a finished set and of finished scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.words import many, word

if TYPE_CHECKING:
    from facedeblur.benchmark.scoring.table import Scores
    from facedeblur.benchmark.sets.set import Set


def print_set(made: Set) -> None:
    """Print what a set holds, what became of every photograph, and the hash of the set."""
    from facedeblur.benchmark.sets.traits import told

    counts = made.info["counts"]
    blurred = sum(image.blurred for image in made.images.values())
    each = counts["pairs"] // blurred if blurred else 0
    part = f"{each} of {counts['kernels']}" if each < counts["kernels"] else f"{each}"
    kernels = f" x {part} {word(counts['kernels'], 'kernel')}" if made.has_kernels else ""
    kind, more = ("sharp image", "") if made.has_sharp else ("photograph", " without a sharp image")
    click.echo(
        f"{made.name}: {many(counts['pairs'], 'pair')} = {many(counts['images'], kind)}{more} "
        f"({many(counts['identities'], 'identity', 'identities')}){kernels}, seed {made.info['seed']}"
    )
    for source in made.info["sources"]:
        if source.get("collection"):
            click.echo(f"from {source['collection']}")
    gallery = sum(image.ok and not image.blurred for image in made.images.values())
    if gallery:
        click.echo(f"of these, {gallery:,} are the gallery and not blurred")
    roles, borders = Counter[str](), Counter[str]()
    for pair in made.pairs():
        roles[made.images[pair.image_id].role] += 1
        borders[pair.border] += bool(pair.border)
    for named, numbers in (("roles", roles if len(roles) > 1 else Counter[str]()), ("border", +borders)):
        if numbers:
            click.echo(f"{named}: " + ", ".join(f"{name} {count:,}" for name, count in numbers.most_common()))
    failed = Counter(image.status for image in made.images.values() if image.status != "ok")
    if failed:
        left_out = ", ".join(f"{status} {count:,}" for status, count in failed.most_common())
        what = ("window of frames", "windows of frames") if made.info.get("videos") else ("photograph",)
        click.echo(f"of {many(counts['photographs'], *what)}, left out: {left_out} (see images.csv)")
    for line in told(made.traits, counts["photographs"]):
        click.echo(line)
    click.echo(f"content hash {made.content_hash[:16]}  ->  {made.root}")


def print_videos(made: Set) -> bool:
    """Print on stderr what is wrong with videos of a set, one line each; True if some video gave no pair."""
    failed = False
    for video in made.info["videos"]:
        lost = not video["windows"].get("ok")
        failed |= lost
        why = ", ".join(f"{status} {count:,}" for status, count in video["windows"].items()) if lost else ""
        note = "; ".join(part for part in (why and f"no pair: {why}", video["note"]) if part)
        if note:
            click.echo(f"{video['video']}: {note}", err=True)
    return failed


def print_scores(tables: Sequence[Scores]) -> None:
    """Print one line per metric for every run: the mean over all pairs and its coverage; then what was left out."""
    from facedeblur.benchmark.run_info import sample_words
    from facedeblur.benchmark.statistics.intervals import reason, spreads
    from facedeblur.benchmark.statistics.summary import summary
    from facedeblur.reports.text import between

    for table in tables:
        meta, said = table.meta, table.column("status")
        statuses = Counter(said)
        total, ok = statuses.total(), statuses.pop("ok", 0)
        oracle = " (oracle: it was given true kernels or labels)" if meta.oracle else ""
        outputs = many(total, "output")
        click.echo(f"{meta.method}{oracle}: {ok:,} of {outputs} scored on {meta.set['name']}{sample_words(meta.run)}")
        width = max((len(column.signature) for column in meta.columns), default=0)
        spread, absent, basis = spreads(table), dict[str, None](), dict[str, None]()
        for column in meta.columns:
            values = column.counted(table.column(column.signature), said == "ok")
            found = summary(values, higher_is_better=column.higher_is_better, failure_value=column.failure)
            missing = f"  {found.failed:,} failed, counted as {column.failure:g}" if found.failed else ""
            if len(values) < total:
                missing += f"  {total - len(values):,} without a value"
            bounds = spread[column.signature].interval
            absent |= {spread[column.signature].absent: None} if bounds is None else {}
            basis |= {bounds.basis: None} if bounds else {}
            # Fractions are not printed in per cent here, because their means are not either.
            plain = replace(column, unit="") if column.unit == "fraction" else column
            shown = between(bounds.low, bounds.high, plain) if bounds else ""
            click.echo(
                f"  {column.signature:<{width}}  mean {found.mean:8.4f} {shown:<18}  std {found.std:7.4f}  "
                f"worst {found.worst:8.4f} {column.unit}{missing}".rstrip()
            )
        if basis:
            click.echo(f"  [..]: 95 % interval of the mean, from {' or '.join(basis)}")
        for name, pairs in meta.undefined:
            click.echo(f"  {name}: not even the sharp image has a value in {many(pairs, 'pair')}, counted as failed")
        for why in absent:
            click.echo(f"  no 95 % interval of the mean: {reason(why)}")
        for status, count in statuses.most_common(5):
            click.echo(f"  {status}: {count:,}")
        if meta.extra:
            click.echo(f"  not scored: {many(len(meta.extra), 'file')} not in the set, such as {meta.extra[0]}")
    reasons: dict[str, list[str]] = {}
    for name, why in dict.fromkeys(pair for table in tables for pair in table.meta.unavailable):
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        click.echo(f"left out {', '.join(names)}: {why}")
