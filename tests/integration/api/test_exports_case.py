"""The history of a case in its export: what it proves, who is shown what of it, and who cut it."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.export import verify_export
from clients.verifier.heads import Step, pin_of, pinned
from clients.verifier.receipt import NotVerified
from custody.extracts import LogExtracts
from custos.cli import main
from evidence.agents import Role
from evidence.leaf import leaf_hash
from evidence.proofs import ClosedEvent, ProvenEvent
from evidence.withholding import closed_to
from tests.serving.case_histories import Storied, document, opened, storied
from tests.serving.exports import Kept, asked, kept
from tests.serving.films import sealed_for
from tests.serving.forging import call_it_version_1, close_event, drop_item, rebag, retell_case, rewrite
from tests.serving.inside import Inside

_V1 = Path(__file__).parents[2] / "vectors" / "export-v1.zip"


@pytest.fixture(scope="module")
def story(bureau: Inside) -> Storied:
    """A case with a history."""
    return storied(bureau)


@pytest.fixture(scope="module")
def told(bureau: Inside, story: Storied, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """It, exported for the office itself, so that details are there."""
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{story.case}/exports", profile="internal")
    return kept(bureau, archivist, made, tmp_path_factory.mktemp("told"))


@pytest.fixture
def copy(told: Kept, tmp_path: Path) -> Path:
    """What somebody may change."""
    return Path(shutil.copytree(told.directory, tmp_path / "copy"))


def history_of(steps: list[Step]) -> Step:
    (found,) = [step for step in steps if step.title == "history of the case"]
    return found


def events_of(directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((directory / "custody/proofs/case.json").read_bytes())["events"]
    return found


def types_of(directory: Path) -> list[str]:
    return [json.loads(one["leaf"])["event"]["type"] for one in events_of(directory) if "leaf" in one]


def test_what_was_linked_and_withdrawn_is_there_and_proven(
    told: Kept, story: Storied, capsys: pytest.CaptureFixture[str]
) -> None:
    step = history_of(told.verify())
    assert "from its opening up to the export" in step.proved
    assert "of 4 links 1 were withdrawn; all that was linked to it then is in the export" in step.proved
    assert f"joined with {story.joined}" in step.proved
    assert step.not_checked == ""
    types = types_of(told.directory)
    assert types[0] == "case.opened"
    assert {"link.made", "link.withdrawn", "case.moved", "hold.placed", "note.written"} < set(types)
    assert "export.asked" in types
    details = [json.loads(one["detail"]) for one in events_of(told.directory) if one["detail"] is not None]
    assert {"reason": "系另案材料"} in details
    steps = {one.title: one for one in told.verify()}
    assert "nothing else was linked" not in steps["completeness"].not_checked
    pin = pin_of(told.key.name, told.key.public.raw)
    assert main(["verify", "proofs", str(told.directory / "custody/proofs/case.json"), "--key", pin]) == 0
    assert "chain of the case: they follow each other without one left out" in capsys.readouterr().out


def test_profiles_withhold_details_of_the_case_and_list_them(
    bureau: Inside, story: Storied, tmp_path: Path
) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{story.case}/exports", profile="defence")
    found = kept(bureau, archivist, made, tmp_path)
    assert history_of(found.verify()).not_checked == ""
    lines = json.loads((found.directory / "custody/withheld.json").read_bytes())["withheld"]
    listed = {one["type"] for one in lines if one.get("case") == story.case and one["what"] == "detail"}
    assert {"link.withdrawn", "case.opened", "note.written", "export.asked"} <= listed
    assert "hold.placed" not in listed
    texts = [path for path in found.directory.rglob("*") if path.suffix in (".json", ".js", ".html", ".xml")]
    everything = "".join(path.read_text() for path in texts)
    for secret in ("系另案材料", "同一当事人", "已核对"):
        assert secret not in everything
        assert json.dumps(secret)[1:-1] not in everything


def test_the_reports_in_it_tell_the_history_of_the_case(told: Kept, story: Storied) -> None:
    chinese, english = (
        (told.directory / f"report/report.{language}.html").read_text() for language in ("zh-CN", "en")
    )
    assert "案件自身的经过" in chinese
    assert f"撤销与本案的关联；{story.withdrawn}；理由：系另案材料" in chinese
    assert f"Link to the case withdrawn; {story.withdrawn}; reason: 系另案材料" in english
    assert f"Case moved to another state; other case: {story.joined}" in english
    assert "Hold placed; on the order of 市法院" in english


def test_a_report_of_the_case_tells_what_was_withdrawn_to_whoever_may_see_it(
    bureau: Inside, tmp_path: Path
) -> None:
    story = storied(bureau, "粤执〔2026〕38号")
    reviewer, other = bureau.client(Role.REVIEWER), bureau.another(Role.SUPERVISOR)
    bureau.do(bureau.services.sequencer.run())
    said = reviewer.get(f"/cases/{story.case}/report.html?lang=zh-CN").body.decode()
    assert "撤销与本案的关联；记录.txt；理由：系另案材料" in said
    assert "写入备注；已核对" in said
    assert "案件状态变更；另一案件：粤执〔2026〕38号之一；由“" in said
    assert "事件链没有缺漏" in said
    path = tmp_path / "report.pdf"
    path.write_bytes(reviewer.get(f"/cases/{story.case}/report.pdf?lang=en").body)
    run = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True, text=True)
    assert "Link to the case withdrawn" in run.stdout
    assert "系另案材料" in run.stdout
    sealed_for(bureau, story.withdrawn, other)
    closed = reviewer.get(f"/cases/{story.case}/report.html?lang=zh-CN").body.decode()
    assert "系另案材料" not in closed
    assert "条事件涉及申请人无权查看的内容" in closed


def test_the_server_checks_closed_events_as_it_checks_open_ones(bureau: Inside, story: Storied) -> None:
    bureau.do(bureau.services.sequencer.run())
    extracts = LogExtracts(bureau.services.catalogue, bureau.services.signer.note_key, witnessed=False)
    head = bureau.do(extracts.head())
    assert head is not None
    whole = bureau.do(extracts.of_case(story.case, head))

    def checked(chain: Sequence[ProvenEvent | ClosedEvent]) -> tuple[int, bool]:
        found = bureau.do(extracts.checked(replace(whole, chain=chain)))
        return found.failed, found.unbroken

    # Only the first is open to somebody who may see no item, and what names none.
    shown = closed_to(whole, (), ()).chain
    # Those that something follows: of the last nothing shows that it is gone.
    closed = [place for place, one in enumerate(shown[:-1]) if isinstance(one, ClosedEvent)]
    assert closed[:3] == [1, 2, 3]
    # What is cut at the end shows in a newer head alone.
    last = max(place for place in closed if isinstance([*shown, None][place + 1], ProvenEvent))
    assert checked(shown) == (0, True)
    for place in (1, last):
        assert checked([*shown[:place], *shown[place + 1 :]]) == (0, False)
    bent = replace(shown[1], hash=bytes(32))
    assert checked([shown[0], bent, *shown[2:]])[0] == 1
    # A history that begins with a closed event names it all the same.
    assert checked(shown[last:]) == (0, True)
    other = ClosedEvent(leaf_hash(whole.events[1].leaf), whole.events[1].proof)
    assert checked([other, *shown[last + 1 :]]) == (0, False)


def test_what_is_sealed_is_a_hash_in_the_history_and_nothing_more(bureau: Inside, tmp_path: Path) -> None:
    archivist, other = bureau.client(Role.ARCHIVIST), bureau.another(Role.SUPERVISOR)
    shown, secret = document(bureau, "公开"), document(bureau, "封存")
    case = opened(bureau, "封存案", shown, secret)
    sealed_for(bureau, secret, other)
    found = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports"), tmp_path)
    step = history_of(found.verify())
    assert "what 1 events say that name something not open to whoever asked" in step.not_checked
    assert "all that was linked" not in step.proved
    (closed,) = [one for one in events_of(found.directory) if "hash" in one]
    assert set(closed) == {"hash", "proof"}
    for path in found.directory.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    # Whoever is named sees it, and that it is not missing either.
    place = tmp_path / "other"
    place.mkdir()
    theirs = kept(bureau, other, asked(other, f"/cases/{case}/exports"), place)
    assert history_of(theirs.verify()).not_checked == ""


def test_what_is_linked_and_may_not_be_exported_is_named(bureau: Inside, tmp_path: Path) -> None:
    """Seen by whoever asked, for it was shared with them, and not theirs to take away."""
    archivist = bureau.client(Role.ARCHIVIST)
    own, elsewhere = document(bureau, "本所"), bureau.client(Role.STATION, "south").kept(b"south", "a.txt")
    case = opened(bureau, "两所案", own)
    linking = bureau.client(Role.ARCHIVIST, "south")
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    share = {"username": archivist.get("/session").json()["username"], "until": until, "reason": "r"}
    assert linking.post(f"/items/{elsewhere}/shares", share).status == 201
    assign = {"username": linking.get("/session").json()["username"]}
    assert bureau.client(Role.SUPERVISOR).post(f"/cases/{case}/people", assign).status == 204
    assert linking.post(f"/cases/{case}/links", {"items": [elsewhere]}).status == 200
    found = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports"), tmp_path)
    step = history_of(found.verify())
    assert f"{elsewhere}: linked to the case then, and not in the export" in step.not_checked
    assert "all that was linked" not in step.proved


def _cut_beginning(events: list[Any]) -> None:
    del events[:2]


def _cut_inner(events: list[Any]) -> None:
    (place,) = [
        place
        for place, one in enumerate(events)
        if json.loads(one["leaf"])["event"]["type"] == "link.withdrawn"
    ]
    del events[place]


def _cut_end(events: list[Any]) -> None:
    while json.loads(events.pop()["leaf"])["event"]["type"] != "export.asked":
        pass


def _swap(events: list[Any]) -> None:
    events[1], events[2] = events[2], events[1]


def _bend(events: list[Any]) -> None:
    events[1]["leaf"] = events[1]["leaf"].replace('"success"', '"failure"')


def _close_and_forge(events: list[Any]) -> None:
    leaf = events.pop(1)
    events.insert(1, {"hash": "00" * 32, "proof": leaf["proof"]})


def _close_and_tell(events: list[Any]) -> None:
    told = events[1]["leaf"]
    close_event(events, json.loads(told)["event"]["type"])
    events[1] |= {"detail": None, "salt": None, "leaf": told.replace("success", "failure")}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_cut_beginning, "earlier ones are left out"),
        (_cut_inner, "something was left out between"),
        (_cut_end, "the history of the case ends before the export"),
        (_swap, "does not follow the one before it"),
        (_bend, "its leaf is not the one that is in the signed tree"),
        (_close_and_forge, "its leaf is not the one that is in the signed tree"),
        (_close_and_tell, "is closed, and says something all the same"),
        (partial(close_event, kind="link.made"), "items that were not linked to the case"),
        (partial(close_event, kind="export.asked"), "the history of the case ends before the export"),
    ],
)  # fmt: skip
def test_who_cuts_the_history_of_the_case_and_puts_all_else_right_is_named(
    told: Kept, copy: Path, change: Callable[[list[Any]], None], named: str
) -> None:
    retell_case(copy, change)
    with pytest.raises(NotVerified, match=r"tagmanifest-sha256\.txt was changed"):
        verify_export(copy, told.key, told.seal)
    with pytest.raises(NotVerified, match=named):
        verify_export(copy, told.key)


def test_a_full_history_may_begin_later_and_says_what_that_leaves_open(
    told: Kept, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retell_case(copy, _cut_beginning)
    monkeypatch.setattr("clients.verifier.export_case.MOST_EVENTS", len(events_of(copy)))
    step = history_of(verify_export(copy, told.key))
    assert "from number 2 up to the export" in step.proved
    assert "all that was linked" not in step.proved
    assert step.not_checked.startswith("the 2 events before the first one")


def test_items_of_one_of_several_events_cannot_be_left_out_together(
    bureau: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a case has more items than one event names, each item's chain has the event of its own part."""
    case = opened(bureau, "多件案", *(document(bureau, word) for word in ("甲", "乙", "丙")))
    archivist = bureau.client(Role.ARCHIVIST)
    monkeypatch.setattr("evidence.exports.MOST_SUBJECTS", 4)
    found = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports"), tmp_path)
    assert types_of(found.directory).count("export.asked") == 2
    assert "all that was linked to it then" in history_of(found.verify()).proved
    copy = Path(shutil.copytree(found.directory, tmp_path / "copy"))
    drop_item(copy, 2)
    with pytest.raises(NotVerified, match="another list of items than the case was asked for with"):
        verify_export(copy, found.key)


def test_who_drops_the_history_of_the_case_is_named(told: Kept, copy: Path) -> None:
    (copy / "custody/proofs/case.json").unlink()
    rebag(copy)
    with pytest.raises(NotVerified, match=r"custody/proofs/case\.json is missing"):
        verify_export(copy, told.key)
    rewrite(copy / "custody/export.json", lambda said: said.update(case_events=None))
    rebag(copy)
    with pytest.raises(NotVerified, match=r"custody/proofs/case\.json is missing"):
        verify_export(copy, told.key)


def test_who_calls_it_an_export_of_version_1_is_named(told: Kept, copy: Path) -> None:
    call_it_version_1(copy)
    with pytest.raises(NotVerified, match="of another version than the log says was asked for"):
        verify_export(copy, told.key)


def test_counts_of_the_case_are_those_of_its_proof(told: Kept, copy: Path) -> None:
    rewrite(copy / "custody/export.json", lambda said: said["case_events"].update(waiting=9))
    rebag(copy)
    with pytest.raises(NotVerified, match="counts the events of the case otherwise"):
        verify_export(copy, told.key)


def test_an_event_that_is_closed_without_being_listed_is_named(told: Kept, copy: Path) -> None:
    retell_case(copy, partial(close_event, kind="link.withdrawn"))
    # Listed, it is said not to be shown; not listed, it is found.
    assert "what 1 events say" in history_of(verify_export(copy, told.key)).not_checked
    rewrite(
        copy / "custody/withheld.json",
        lambda said: said.update(withheld=[one for one in said["withheld"] if one["what"] != "event"]),
    )
    rewrite(copy / "custody/export.json", lambda said: said.update(withheld=said["withheld"] - 1))
    rebag(copy)
    with pytest.raises(NotVerified, match="other events of the case than those that are closed"):
        verify_export(copy, told.key)


def test_of_an_item_no_case_is_told(bureau: Inside, story: Storied, tmp_path: Path) -> None:
    archivist = bureau.client(Role.ARCHIVIST)
    found = kept(bureau, archivist, asked(archivist, f"/items/{story.linked[0]}/exports"), tmp_path)
    said = json.loads((found.directory / "custody/export.json").read_bytes())
    assert (said["v"], said["case_events"]) == ("custos/export/2", None)
    assert not (found.directory / "custody/proofs/case.json").exists()
    assert "history of the case" not in [step.title for step in found.verify()]


def test_an_export_of_version_1_verifies_and_says_what_is_not_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(_V1) as archive:
        archive.extractall(tmp_path)
    key = pinned((tmp_path / "log-key.txt").read_text())
    seal = json.loads((tmp_path / "seal.json").read_bytes())
    steps = verify_export(tmp_path / "export", key, seal)
    assert history_of(steps).proved == "nothing: an export of version 1 does not hold it"
    assert "linked to it and withdrawn again" in history_of(steps).not_checked
    completeness = {step.title: step for step in steps}["completeness"]
    assert completeness.not_checked.startswith("that nothing else was linked to the case")
