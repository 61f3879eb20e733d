"""A result of a whole set as one Parquet file: its rows, and the facts about them in the file's metadata."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

import msgspec

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.parquet import check_filled, read_table, write_table
from facedeblur.benchmark.files.schema import check_version, conform, decode_json, reading
from facedeblur.benchmark.notebook import card

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SCHEMA = 1
PAIR_COLUMNS = {
    "index": "int64", "pair_id": "string", "image_id": "string", "kernel_id": "string", "kernel_size": "int32",
    "status": "string",
}  # fmt: skip
"""Columns of rows that are about pairs, each with its Arrow type."""


@dataclass(frozen=True, repr=False)
class Record:
    """The result of a test of a whole set: where its images come from, and one row per image.

    A test derives its own record, adds fields that JSON knows (or overrides `facts`), and names:

    - ``kind``: one word that marks the file's metadata;
    - ``file_name``: the file in the folder of the outputs; empty where it depends on an option;
    - ``verb``: what makes such a file, for error messages;
    - ``columns``: the columns of the rows, each with its Arrow type, ``[]`` for a list;
    - ``headline``: the few numbers that a notebook shows.

    Attributes
    ----------
    method : str
        Displayed name; for images of the set itself, what they are called.
    oracle : bool
        True where the method was given the true kernel.
    set_name, set_hash : str
    run_hash : str
        What was run and what came out; empty for images of the set itself.
    files_hash : str
        Hash of the image files in the outputs' folder; see `facedeblur.benchmark.outputs.Outputs.files_hash`.
    rows : pandas.DataFrame
        One row per image, with a ``status``: ``ok`` or why there is no value.
    """

    kind: ClassVar[str]
    file_name: ClassVar[str] = ""
    verb: ClassVar[str]
    columns: ClassVar[dict[str, str]]

    method: str
    oracle: bool
    set_name: str
    set_hash: str
    run_hash: str
    files_hash: str = field(default="", kw_only=True)
    rows: pd.DataFrame = field(compare=False, repr=False, kw_only=True)

    def headline(self) -> dict[str, str]:
        """Return what is worth knowing at a glance, by name: the numbers that a notebook shows."""
        return {}

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {value}" for name, value in self.headline().items())
        return f"<{type(self).__name__} of {self.method} on {self.set_name}: {numbers}>"

    def _repr_html_(self) -> str:
        return card(f"{type(self).__name__} of {self.method}", {"set": self.set_name, **self.headline()})

    @property
    def failed(self) -> int:
        """Number of outputs that are missing or cannot be used."""
        return int(self.rows["status"].str.startswith("failed").sum())

    def facts(self) -> dict[str, Any]:
        """Return every field except the rows, ready for JSON."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "rows"}

    def summary(self) -> dict[str, Any]:
        """Return the facts and what follows from the rows, ready for JSON."""
        return self.facts()

    def check(self) -> None:
        """Raise ValueError where the rows and the facts of a file contradict each other."""

    @classmethod
    def schema(cls) -> pa.Schema:
        """Return the Arrow schema of the rows."""
        import pyarrow as pa

        def kind(name: str) -> pa.DataType:
            plain = pa.type_for_alias(name.removesuffix("[]"))
            return pa.list_(plain) if name.endswith("[]") else plain

        return pa.schema([(name, kind(one)) for name, one in cls.columns.items()])

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``), atomically."""
        import pyarrow as pa

        table = pa.Table.from_pandas(self.rows, schema=self.schema(), preserve_index=False)
        text = json.dumps({"schema": SCHEMA, **self.facts()})
        write_table(path, table.replace_schema_metadata({self._key(): text}))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the table from its file, or from the outputs folder that holds it.

        Raises
        ------
        InputError
            When the file is missing, damaged, or another kind of table.
        """
        path = Path(path)
        file = path / cls.file_name if path.is_dir() else path
        if not file.is_file():
            raise MissingFile(file, expected=f"a {cls.kind} table", do=f"{cls.verb} first")
        expected, do = f"a {cls.kind} table", f"{cls.verb} again"
        table = read_table(file, expected=expected, do=do)
        text = (table.schema.metadata or {}).get(cls._key())
        if text is None:
            raise InputError(str(file), expected=expected, found="another Parquet file", do=do)
        facts = decode_json(text, dict[str, Any], str(file), expected, do=do)
        check_version(facts, SCHEMA, str(file), do=do)
        made = conform(facts, cls._facts_schema(), str(file), expected, do=do)
        if not table.schema.equals(cls.schema()):
            found = f"columns {', '.join(table.column_names)}, or other types"
            raise InputError(str(file), expected=f"columns {', '.join(cls.columns)}", found=found, do=do)
        check_filled(table, PAIR_COLUMNS, file, do=do)
        given = {entry.name: getattr(made, entry.name) for entry in fields(cls) if entry.name != "rows"}
        record = cls(**given, rows=table.to_pandas())
        with reading(file, expected, do=do):
            record.check()
        return record

    @classmethod
    def _facts_schema(cls) -> type[Any]:
        """Return the schema of the facts: the fields without the rows."""
        import pandas as pd

        kinds = get_type_hints(cls, localns={"pd": pd}, include_extras=True)
        return msgspec.defstruct(
            cls.__name__,
            [
                (entry.name, kinds[entry.name], *([] if entry.default is MISSING else [entry.default]))
                for entry in fields(cls)
                if entry.name != "rows"
            ],
            kw_only=True,
        )

    @classmethod
    def _key(cls) -> bytes:
        return f"facedeblur {cls.kind}".encode()
