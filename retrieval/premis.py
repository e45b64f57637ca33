"""PREMIS 3.0 of what is exported (loc.gov/standards/premis/v3): objects, events and agents. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from evidence.proofs import CaseProof, Proof
from retrieval.export_documents import ItemFile, Sent

_PREMIS = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
register_namespace("", _PREMIS)
register_namespace("xsi", _XSI)
#: Characters that no XML 1.0 document can hold; file names of hostile senders have them.
_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


def premis(files: Sequence[ItemFile], proofs: Collection[Proof], names: Mapping[str, str]) -> bytes:
    """The document: an object for each file that is sent and for the case, their events, and whoever acted.

    An agent is known by its pseudonym, and by its name where `names` has it.
    """
    root = Element(f"{{{_PREMIS}}}premis", {"version": "3.0"})
    events: dict[str, dict[str, Any]] = {}
    for proof in proofs:
        for one in proof.events:
            event = json.loads(one.leaf)["event"]
            events[event["id"]] = event
    for file in files:
        for sent in file.sent:
            _object(root, file, sent)
    objects = {file.item.id: "custos-item" for file in files}
    for case in (proof.case_id for proof in proofs if isinstance(proof, CaseProof)):
        whole = SubElement(root, f"{{{_PREMIS}}}object", {f"{{{_XSI}}}type": "intellectualEntity"})
        _identified(whole, "objectIdentifier", "custos-case", case)
        objects[case] = "custos-case"
    for event in events.values():
        _event(root, event, objects)
    for agent in sorted({event["agent"] for event in events.values() if event["agent"]}):
        _agent(root, agent, names.get(agent))
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    child = SubElement(parent, f"{{{_PREMIS}}}{name}", attributes)
    if text is not None:
        child.text = text.translate(_NOT_XML)
    return child


def _identified(parent: Element, name: str, kind: str, value: str) -> None:
    held = _add(parent, name)
    _add(held, f"{name}Type", kind)
    _add(held, f"{name}Value", value)


def _object(root: Element, file: ItemFile, sent: Sent) -> None:
    made = SubElement(root, f"{{{_PREMIS}}}object", {f"{{{_XSI}}}type": "file"})
    _identified(made, "objectIdentifier", "path", sent.path)
    _identified(made, "objectIdentifier", "custos-item", file.item.id)
    about = _add(made, "objectCharacteristics")
    fixity = _add(about, "fixity")
    _add(fixity, "messageDigestAlgorithm", "SHA-256")
    _add(fixity, "messageDigest", sent.sha256)
    _add(about, "size", str(sent.size))
    _add(_add(_add(about, "format"), "formatDesignation"), "formatName", sent.media_type)
    if sent.kind == "original":
        _add(made, "originalName", file.item.submission.filename)
        return
    related = _add(made, "relationship")
    _add(related, "relationshipType", "derivation")
    _add(related, "relationshipSubType", "has source")
    _identified(related, "relatedObjectIdentifier", "custos-item", file.item.id)


def _event(root: Element, event: Mapping[str, Any], objects: Mapping[str, str]) -> None:
    made = _add(root, "event")
    _identified(made, "eventIdentifier", "custos-event", event["id"])
    _add(made, "eventType", event["premis"] or event["type"])
    _add(made, "eventDateTime", event["time"])
    _add(_add(made, "eventDetailInformation"), "eventDetail", event["type"])
    _add(_add(made, "eventOutcomeInformation"), "eventOutcome", event["outcome"])
    if event["agent"]:
        _identified(made, "linkingAgentIdentifier", "custos-agent", event["agent"])
    for subject in event["subjects"]:
        if subject["id"] in objects:
            _identified(made, "linkingObjectIdentifier", objects[subject["id"]], subject["id"])


def _agent(root: Element, agent: str, name: str | None) -> None:
    made = _add(root, "agent")
    _identified(made, "agentIdentifier", "custos-agent", agent)
    if name is not None:
        _add(made, "agentName", name)
