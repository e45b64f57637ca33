"""Particulars, notes, forms and checklists, as somebody with a browser's requests meets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from evidence.agents import Role
from tests.integration.api.test_cases import number, opened, photo
from tests.integration.transcode.test_documents import ofd, page, pdf
from tests.serving.client import Client
from tests.serving.inside import Inside


def with_item(bureau: Inside) -> tuple[str, str]:
    """A case and a photo that is linked to it."""
    supervisor = bureau.client(Role.SUPERVISOR)
    case, item = opened(supervisor), bureau.client(Role.OFFICER).kept(photo(), "a.png")
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    return case, item


def entries(client: Client, case: str) -> dict[str, Any]:
    return {one["code"]: one for one in client.get(f"/cases/{case}/checklist").json()["entries"]}


def test_particulars_are_stated_replaced_and_found(bureau: Inside) -> None:
    officer, reviewer = bureau.client(Role.OFFICER), bureau.client(Role.REVIEWER)
    item = officer.kept(photo(), "a.png")
    empty = reviewer.get(f"/items/{item}/particulars").json()
    assert empty["missing"] == ["maker", "made_at", "made_where", "method", "proves"]
    assert empty["stated_by"] is None
    first = {"maker": "张三", "proves": " 现场堆放危险化学品 ", "transcript": "问" * 60_000}
    stated = officer.post(f"/items/{item}/particulars", first, "PUT")
    assert (stated.status, stated.json()["missing"]) == (200, ["made_at", "made_where", "method"])
    second = {"maker": "李四", "proves": "现场堆放危险化学品", "method": "手机拍摄"}
    assert officer.post(f"/items/{item}/particulars", second, "PUT").status == 200
    found = reviewer.get(f"/items/{item}/particulars").json()
    assert (found["maker"], found["proves"], found["transcript"]) == ("李四", "现场堆放危险化学品", "")
    said = [event["detail"] for event in bureau.events("particulars.stated")]
    changes = [(one["was"] and one["was"]["maker"], one["is"]["maker"]) for one in said]
    assert changes == [(None, "张三"), ("张三", "李四")]
    hits = reviewer.get(f"/search?text={quote('危险化学品')}").json()
    assert [hit["id"] for hit in hits["items"]] == [item]
    assert reviewer.post(f"/items/{item}/particulars", second, "PUT").status == 404
    too_long = officer.post(f"/items/{item}/particulars", {"maker": "x" * 4_001}, "PUT")
    assert (too_long.status, too_long.code) == (400, "bad-body")


def test_what_stands_in_a_document_is_found(bureau: Inside, tmp_path: Path) -> None:
    reviewer, officer = bureau.client(Role.REVIEWER), bureau.client(Role.OFFICER)
    decision = pdf(tmp_path / "a.pdf", "责令停止危险作业").read_bytes()
    record = ofd(tmp_path / "a.ofd", page("危险作业现场勘验")).read_bytes()
    items = [officer.kept(decision, "决定书.pdf"), officer.kept(record, "笔录.ofd")]
    for text, expected in (("危险作业", items), ("责令停止", items[:1])):
        hits = reviewer.get(f"/search?text={quote(text)}").json()["items"]
        assert {hit["id"] for hit in hits} == set(expected)


def test_notes_are_withdrawn_by_whoever_wrote_them_and_stay(bureau: Inside) -> None:
    case, item = with_item(bureau)
    reviewer, supervisor = bureau.client(Role.REVIEWER), bureau.client(Role.SUPERVISOR)
    note = reviewer.post(f"/cases/{case}/notes", {"text": "补充询问笔录"})
    assert note.status == 201
    supervisor.post(f"/cases/{case}/notes", {"text": "已联系"})
    assert reviewer.get(f"/search?text={quote('询问笔录')}").json()["items"][0]["id"] == item
    withdrawal = f"/notes/{note.json()['id']}/withdrawal"
    assert supervisor.post(withdrawal, {"reason": "x"}).status == 404
    assert reviewer.post(withdrawal, {"reason": " "}).code == "reason-needed"
    assert reviewer.post(withdrawal, {"reason": "写错案件"}).status == 204
    again = reviewer.post(withdrawal, {"reason": "写错案件"})
    assert (again.status, again.code) == (409, "already-withdrawn")
    notes = supervisor.get(f"/cases/{case}/notes").json()["notes"]
    assert [(one["text"], one["withdrawn_for"]) for one in notes] == [
        ("补充询问笔录", "写错案件"),
        ("已联系", None),
    ]
    assert reviewer.get(f"/search?text={quote('询问笔录')}").json()["items"] == []
    assert reviewer.post(f"/cases/{case}/notes", {"text": "  "}).code == "nothing-written"


def test_a_units_form_holds_for_what_is_below_it_until_that_has_its_own(bureau: Inside) -> None:
    bureau.do(bureau.services.rights.place_unit(None, "squad", "north"))
    supervisor, squad = bureau.client(Role.SUPERVISOR), bureau.client(Role.SUPERVISOR, "squad")
    assert squad.get("/form").json() == {"unit": None, "version": 0, "fields": []}
    free = opened(squad)
    assert squad.post(f"/cases/{free}/detail", {"fields": {"anything": "x"}}, "PUT").status == 200
    law = {"name": "law", "label": "适用条款", "required": True}
    way = {"name": "way", "label": "处理方式", "kind": "choice", "choices": ["警告", "罚款"]}
    assert supervisor.post("/form", {"fields": [law, way]}, "PUT").json()["version"] == 1
    assert squad.get("/form").json()["unit"] == "north"
    refused = squad.post("/cases", {"number": number(), "detail": {"fields": {"other": "x"}}})
    assert (refused.status, refused.code) == (400, "unknown-field")
    refused = squad.post(f"/cases/{free}/detail", {"fields": {"way": "拘留"}}, "PUT")
    assert (refused.status, refused.code) == (400, "bad-field")
    assert "警告, 罚款" in refused.json()["detail"]
    case = opened(squad)
    assert squad.get(f"/cases/{case}/checklist").json()["fields_missing"] == ["law"]
    squad.post(f"/cases/{case}/detail", {"fields": {"law": "第五十八条"}}, "PUT")
    assert squad.get(f"/cases/{case}/checklist").json()["fields_missing"] == []
    assert squad.post("/form", {"fields": []}, "PUT").json() == {"unit": "squad", "version": 1, "fields": []}
    assert supervisor.get("/form?unit=squad").json()["unit"] == "squad"
    assert supervisor.get("/form").json()["unit"] == "north"
    assert squad.post("/form?unit=north", {"fields": []}, "PUT").status == 404
    assert supervisor.post("/form", {"fields": [law, law]}, "PUT").code == "bad-form"
    assert (
        bureau.client(Role.ADMINISTRATOR).post("/form?unit=north", {"fields": [law]}, "PUT").json()["version"]
        == 2
    )
    assert bureau.client(Role.ADMINISTRATOR).post("/form?unit=", {"fields": [law]}, "PUT").code == "bad-unit"


def test_a_checklist_says_what_is_missing_until_it_is_covered_or_excused(bureau: Inside) -> None:
    case, item = with_item(bureau)
    supervisor = bureau.client(Role.SUPERVISOR)
    found = supervisor.get(f"/cases/{case}/checklist").json()
    assert found["missing"] == ["site-inspection", "sampling", "preservation", "hearing", "service"]
    assert [one["item"] for one in found["particulars_missing"]] == [item]
    covering = f"/cases/{case}/checklist/site-inspection/covering"
    for _ in range(2):
        assert supervisor.post(covering, {"items": [item]}).status == 204
    assert (entries(supervisor, case)["site-inspection"]["standing"]) == "covered"
    assert (
        supervisor.post(f"/cases/{case}/checklist/none/covering", {"items": [item]}).code == "no-such-entry"
    )
    stranger = bureau.client(Role.OFFICER).kept(photo(), "b.png")
    assert supervisor.post(covering, {"items": [stranger]}).status == 404
    excuse = f"/cases/{case}/checklist/hearing/excuse"
    assert supervisor.post(excuse, {"reason": "当事人放弃听证"}).status == 204
    assert supervisor.post(excuse, {"reason": "x"}).code == "already-excused"
    hearing = entries(supervisor, case)["hearing"]
    assert (hearing["standing"], hearing["excused_for"]) == ("excused", "当事人放弃听证")
    assert supervisor.ask("DELETE", excuse).status == 204
    assert supervisor.ask("DELETE", excuse).code == "not-excused"
    assert entries(supervisor, case)["hearing"]["standing"] == "missing"
    uncovering = f"/cases/{case}/checklist/site-inspection/uncovering"
    assert supervisor.post(uncovering, {"items": [item]}).status == 204
    assert entries(supervisor, case)["site-inspection"]["standing"] == "missing"
    kinds = [event["type"] for event in supervisor.history(item)]
    assert [kinds.count(kind) for kind in ("entry.covered", "entry.uncovered")] == [1, 1]


def test_what_is_no_longer_linked_or_seen_covers_nothing(bureau: Inside) -> None:
    case, item = with_item(bureau)
    supervisor = bureau.client(Role.SUPERVISOR)
    supervisor.post(f"/cases/{case}/checklist/service/covering", {"items": [item]})
    sealing = {
        "restriction": "sealed",
        "named": [bureau.client(Role.ARCHIVIST).get("/session").json()["username"]],
        "reason": "r",
    }
    assert supervisor.post(f"/items/{item}/restriction", sealing).status == 204
    assert entries(supervisor, case)["service"]["standing"] == "missing"
    assert entries(supervisor, case)["service"]["items"] == []
    archivist = bureau.client(Role.ARCHIVIST)
    assert entries(archivist, case)["service"]["items"] == [item]
    uncovering = f"/cases/{case}/checklist/service/uncovering"
    assert supervisor.post(uncovering, {"items": [item]}).status == 404
    (link,) = archivist.get(f"/cases/{case}").json()["links"]
    archivist.post(f"/links/{link['id']}/withdrawal", {"reason": "另案"})
    assert entries(archivist, case)["service"]["standing"] == "missing"


def test_a_newer_list_keeps_in_sight_what_an_older_one_asked_for(bureau: Inside) -> None:
    supervisor = bureau.client(Role.SUPERVISOR)
    case = supervisor.post("/cases", {"number": number(), "category": "fees"}).json()["id"]
    item = bureau.client(Role.OFFICER).kept(photo(), "a.png")
    supervisor.post(f"/cases/{case}/links", {"items": [item]})
    supervisor.post(f"/cases/{case}/checklist/notice/covering", {"items": [item]})
    wanted = {"entries": [{"code": "counter", "stage": "收费", "item": "窗口收费", "required": True}]}
    made = supervisor.post("/checklists/fees", wanted, "PUT")
    assert (made.status, made.json()["version"], made.json()["unit"]) == (200, 1, "north")
    found = entries(supervisor, case)
    assert list(found) == ["counter", "notice"]
    assert (found["notice"]["listed"], found["notice"]["items"]) == (False, [item])
    assert bureau.client(Role.REVIEWER).get("/checklists/fees").json()["entries"][0]["code"] == "counter"
    assert bureau.client(Role.REVIEWER, "south").get("/checklists/fees").json()["unit"] is None
    assert supervisor.get("/checklists/other-things").code == "bad-category"
    assert (
        supervisor.post("/checklists/fees", {"entries": wanted["entries"] * 2}, "PUT").code == "bad-checklist"
    )


def test_nothing_is_changed_in_an_archived_case(bureau: Inside) -> None:
    case, item = with_item(bureau)
    supervisor = bureau.client(Role.SUPERVISOR)
    for state in ("closed", "archived"):
        supervisor.post(f"/cases/{case}/state", {"state": state, "about": "a"})
    for path, body in (
        (f"/cases/{case}/notes", {"text": "x"}),
        (f"/cases/{case}/checklist/hearing/excuse", {"reason": "x"}),
        (f"/cases/{case}/checklist/hearing/covering", {"items": [item]}),
    ):
        answer = supervisor.post(path, body)
        assert (answer.status, answer.code) == (409, "settled-case")
