"""Custody reports: who signed the head, and whose word the time is."""

from __future__ import annotations

from dataclasses import replace

from evidence.events import EventType
from evidence.ports.exports import Checked
from evidence.proofs import Stamp, stamp_of
from retrieval.report import item_report
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold
from tests.unit.retrieval.test_report import BEGIN, asked, draft, item, page, proof_of, told_of, words


def test_who_signed_the_head_is_said() -> None:
    proof = proof_of([])
    for cosigned, witnessed, said in (
        (0, None, "no witness outside has signed"),
        (2, None, "and 2 of witnesses outside"),
        (0, 1234, "cosigned the log&#x27;s head of 1,234 entries"),
    ):
        one = ItemTold(item(), proof, Checked("log", 9, "root", cosigned, "k", 0, True), None, ())
        report = item_report(words(), replace(asked(), witnessed=witnessed), one)
        assert said in report_html(report).decode()


def test_time_from_outside_is_said_as_what_it_is() -> None:
    proof = proof_of([draft(EventType.ITEM_DESCRIBED, {})], first=3)
    stamps = [Stamp(size, BEGIN, BEGIN, f"tsa-{size}", b"", "") for size in (9, 3, 4)]
    found = stamp_of(proof, stamps)
    # The tree of 3 leaves does not hold leaf number 3.
    assert found is not None
    assert found.size == 4
    text = page(replace(told_of(proof), stamp=found))
    assert "The time authority tsa-4 signed, on 2026-11-29 09:00:00 UTC+08:00" in text
    assert "None. When it came in is this server" in page(told_of(proof))
    assert stamp_of(proof_of([]), stamps) is None
    # Its own word only where nobody else gave one.
    own = Stamp(4, BEGIN, BEGIN, None, b"", "")
    assert stamp_of(proof, [own, stamps[0]]) == stamps[0]
    assert "(self-asserted)" in page(replace(told_of(proof), stamp=stamp_of(proof, [own])))
