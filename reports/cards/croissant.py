"""The card of a set as Croissant 1.1: JSON-LD that `mlcroissant` reads.

References
----------
MLCommons, *Croissant Format Specification*, version 1.1; appendix 1 has the context, "Provenance Representation" the
terms of PROV-O. MLCommons, *Croissant RAI*, version 1.0: the properties ``rai:...``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facedeblur.reports.cards import facts as told
from facedeblur.reports.cards.facts import Facts
from facedeblur.reports.cards.metadata import FILE as METADATA
from facedeblur.reports.cards.metadata import MetadataColumn
from facedeblur.reports.hub import data_set_url

FILE = "croissant.json"
CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]

_TERMS = (
    "annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract", "field",
    "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "sdVersion", "separator", "source", "subField", "transform", "unArchive", "value",
)  # fmt: skip
"""Terms of Croissant; `mlcroissant` asks for those that only its version 1.0 has, too."""

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}

_TYPES = {".csv": "text/csv", ".json": "application/json", ".npz": "application/zip", ".yaml": "application/yaml",
          "": "text/plain"}  # fmt: skip


def croissant(
    facts: Facts, columns: Sequence[MetadataColumn], files: Mapping[str, tuple[str, int]], citation: str, blurred: str
) -> dict[str, Any]:
    """Return the card as plain data for JSON.

    Parameters
    ----------
    facts : Facts
    columns : sequence of MetadataColumn
        Those of ``metadata.csv``.
    files : mapping
        Name of each file that is described by itself -> sha256 (hex) and size in bytes.
    citation : str
        BibTeX.
    blurred : str
        Pattern of the blurred images.
    """
    publisher, licence = facts.publisher, facts.licence
    url = data_set_url(publisher.repository) if publisher.repository else f"urn:sha256:{facts.of.content_hash}"
    card: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": facts.of.name,
        "description": f"{facts.title}. {facts.summary}",
        "url": url,
        "license": licence.url or licence.name,
        "version": publisher.release,
        "identifier": f"sha256:{facts.of.content_hash}",
        "citeAs": citation,
        "keywords": list(KEYWORDS),
        "isLiveDataset": False,
    }
    if publisher.creators:
        card["creator"] = [{"@type": "sc:Person", "name": name} for name in publisher.creators]
    if publisher.date:
        card["datePublished"] = publisher.date
    return {**card, **_provenance(facts), **_responsible(facts), "distribution": _distribution(facts, files, blurred),
            "recordSet": _records(facts, columns)}  # fmt: skip


KEYWORDS = ("face deblurring", "motion deblurring", "image restoration", "faces")


def _provenance(facts: Facts) -> dict[str, Any]:
    """What the set was made from, and by which program, in the terms of PROV-O."""
    packages = facts.of.info.get("packages", {})
    return {
        "prov:wasDerivedFrom": [
            {"@type": "prov:Entity", "prov:label": source.collection, "license": source.stated}
            for source in facts.sources
        ],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"recipe {facts.of.recipe.get('name', facts.of.name)}, seed {facts.of.info['seed']}",
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "prov:label": facts.made_by,
                "softwareRequirements": [
                    f"{name} {version}" for name, version in packages.items() if name != "facedeblur"
                ],
            },
        },
    }


def _responsible(facts: Facts) -> dict[str, Any]:
    """The properties of Croissant RAI that are known of a set."""
    known: dict[str, Any] = {
        "rai:dataCollection": " ".join(told.collection(facts)),
        "rai:dataCollectionType": ["Secondary Data analysis"],
        "rai:dataCollectionRawData": "; ".join(source.collection for source in facts.sources),
        "rai:dataPreprocessingProtocol": told.preparation(facts),
        "rai:machineAnnotationTools": told.labelled_by(facts),
        "rai:dataUseCases": told.uses(facts),
        "rai:dataLimitations": told.limits(facts),
        "rai:dataBiases": told.biases(facts),
        "rai:personalSensitiveInformation": told.personal(facts),
        "rai:dataReleaseMaintenancePlan": [told.MAINTENANCE],
    }
    return {name: value for name, value in known.items() if value}


def _distribution(facts: Facts, files: Mapping[str, tuple[str, int]], blurred: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, (digest, size) in files.items():
        suffix = f".{name.rpartition('.')[2]}" if "." in name else ""
        found.append(
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{size} B",
                "encodingFormat": _TYPES.get(suffix, "application/octet-stream"),
                "sha256": digest,
            }
        )
    if facts.images:
        patterns = {"blur": blurred, **({"sharp": "sharp/*.png"} if facts.of.has_sharp else {})}
        patterns |= {"labels": "labels/*.png"} if facts.labelled else {}
        patterns |= {"gallery": "gallery/*/*.png"} if facts.gallery else {}
        for name, pattern in patterns.items():
            found.append(
                {
                    "@type": "cr:FileSet",
                    "@id": f"{name}-files",
                    "name": f"{name}-files",
                    "description": f"{_IMAGES[name]}; SHA256SUMS has the hash of each file.",
                    "encodingFormat": "image/png",
                    "includes": pattern,
                }
            )
    return found


_IMAGES = {"blur": "Blurred images", "sharp": "Sharp images, one per face", "labels": "Label images of sharp images",
           "gallery": "Sharp images that are only compared with"}  # fmt: skip


def _records(facts: Facts, columns: Sequence[MetadataColumn]) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = [_column(column, joined=facts.images) for column in columns]
    if facts.images:
        fields.append(_content("pairs/blur", "the blurred image", "blur-files"))
    pairs = {
        "@type": "cr:RecordSet",
        "@id": "pairs",
        "name": "pairs",
        "description": "One record per pair.",
        "key": {"@id": "pairs/pair_id"},
        "field": fields,
    }
    if not (facts.images and facts.of.has_sharp):
        return [pairs]
    name = {"@type": "cr:Field", "@id": "faces/face", "name": "face", "dataType": "sc:Text",
            "description": "name of the sharp image",
            "source": {"fileSet": {"@id": "sharp-files"}, "extract": {"fileProperty": "filename"},
                       "transform": {"regex": r"^(.*)\.png$"}}}  # fmt: skip
    faces = {
        "@type": "cr:RecordSet",
        "@id": "faces",
        "name": "faces",
        "description": "One record per sharp image; the field pairs/face names it.",
        "key": {"@id": "faces/face"},
        "field": [name, _content("faces/sharp", "the sharp image", "sharp-files")],
    }
    return [pairs, faces]


def _column(column: MetadataColumn, *, joined: bool) -> dict[str, Any]:
    """A field that is a column of the table; the name of the blurred file joins it with the images."""
    source: dict[str, Any] = {"fileObject": {"@id": METADATA}, "extract": {"column": column.name}}
    found = {"@type": "cr:Field", "@id": f"pairs/{column.name}", "name": column.name, "description": column.meaning,
             "dataType": column.kind, "source": source}  # fmt: skip
    if joined and column.name == "blur_file_name":
        # mlcroissant joins names of files only, not their paths, and applies the expression twice.
        source["transform"] = {"regex": "^(?:.*/)?([^/]+)$"}
        found["references"] = {"fileSet": {"@id": "blur-files"}, "extract": {"fileProperty": "filename"}}
    return found


def _content(place: str, meaning: str, files: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": place,
        "name": place.rpartition("/")[2],
        "description": meaning,
        "dataType": "sc:ImageObject",
        "source": {"fileSet": {"@id": files}, "extract": {"fileProperty": "content"}},
    }
