"""CASE and UCO 1.5 of what is exported (caseontology.org), as JSON-LD: what other tools read. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from evidence.canonical import Json
from evidence.proofs import ItemProof
from retrieval.export_documents import ItemFile, Sent

_CONTEXT = {
    "@vocab": "urn:example:custos:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "kb": "urn:uuid:",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
#: Of an item's events these are acts of the investigation; the others are in PREMIS and in the proofs.
_ACTS = ("item.ingested", "item.resubmitted", "rendition.made", "item.read-back")


def case_uco(
    document: Mapping[str, Json], files: Sequence[ItemFile], proofs: Mapping[str, ItemProof]
) -> dict[str, Any]:
    """The bundle: each file that is sent with its hash, what it derives from, and the acts that made it."""
    made = [part for file in files for part in _of_file(file, proofs[file.item.id])]
    bundle = {
        "@id": _named(str(document["export"]), "bundle"),
        "@type": "uco-core:Bundle",
        "uco-core:description": f"Custos export {document['export']}",
        "uco-core:object": [{"@id": one["@id"]} for one in made],
    }
    return {"@context": _CONTEXT, "@graph": [bundle, *made]}


def _named(*parts: str) -> str:
    return f"kb:{uuid5(NAMESPACE_URL, '/'.join(('custos', *parts)))}"


def _typed(kind: str, value: str) -> dict[str, str]:
    return {"@type": kind, "@value": value}


def _of_file(file: ItemFile, proof: ItemProof) -> Iterator[dict[str, Any]]:
    item = file.item
    sent = [one for one in file.sent if one.kind == "original"]
    for one in file.sent:
        yield _observable(file, one)
        if one.kind != "original" and sent:
            yield {
                "@id": _named(one.path, "derived"),
                "@type": "uco-observable:ObservableRelationship",
                "uco-core:source": {"@id": _named(one.path)},
                "uco-core:target": {"@id": _named(sent[0].path)},
                "uco-core:kindOfRelationship": "Derived_From",
                "uco-core:isDirectional": _typed("xsd:boolean", "true"),
            }
    if file.sent:
        yield {
            "@id": _named(item.id, "record"),
            "@type": "case-investigation:ProvenanceRecord",
            "case-investigation:exhibitNumber": item.id,
            "uco-core:object": [{"@id": _named(one.path)} for one in file.sent],
        }
        yield from _acts(file, proof)


def _observable(file: ItemFile, sent: Sent) -> dict[str, Any]:
    name = file.item.submission.filename if sent.kind == "original" else sent.path.rpartition("/")[2]
    return {
        "@id": _named(sent.path),
        "@type": "uco-observable:ObservableObject",
        "uco-core:hasFacet": [
            {
                "@id": _named(sent.path, "file"),
                "@type": "uco-observable:FileFacet",
                "uco-observable:fileName": name,
                "uco-observable:filePath": sent.path,
                "uco-observable:sizeInBytes": _typed("xsd:integer", str(sent.size)),
            },
            {
                "@id": _named(sent.path, "content"),
                "@type": "uco-observable:ContentDataFacet",
                "uco-observable:mimeType": sent.media_type,
                "uco-observable:hash": {
                    "@id": _named(sent.path, "hash"),
                    "@type": "uco-types:Hash",
                    "uco-types:hashMethod": "SHA256",
                    "uco-types:hashValue": _typed("xsd:hexBinary", sent.sha256),
                },
            },
        ],
    }


def _acts(file: ItemFile, proof: ItemProof) -> Iterator[dict[str, Any]]:
    for event in (json.loads(one.leaf)["event"] for one in proof.events):
        if event["type"] not in _ACTS:
            continue
        act: dict[str, Any] = {
            "@id": _named(event["id"], file.item.id),
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": event["type"],
            "uco-action:startTime": _typed("xsd:dateTime", event["time"]),
            "uco-action:endTime": _typed("xsd:dateTime", event["time"]),
            "uco-action:object": [{"@id": _named(one.path)} for one in file.sent],
        }
        yield act
