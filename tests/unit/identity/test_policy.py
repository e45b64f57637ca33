"""Who may do what, against a table that a lawyer can read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evidence.agents import Action, Agent, AgentKind, Resource, Restriction, Role
from evidence.errors import Denied, PurposeNeeded
from identity.policy import RolePolicy

#: For each action and role: y or - for one's own, one's unit's, a unit's below it, another unit's, and what
#: is one's own and sealed without naming one.
EXPECTED = """
               officer reviewer archivist legal-reviewer supervisor auditor administrator station
upload         yyy--   -----    -----     -----          yyy--      -----   -----         yyy--
salvage        yyy--   -----    -----     -----          yyy--      -----   -----         -----
list-items     y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
see-item       y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
play           y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
read-original  -----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
see-history    -----   yyy--    yyy--     yyy--          yyy--      yyyyy   -----         -----
see-jobs       yyy--   yyy--    yyy--     yyy--          yyy--      yyyyy   yyyy-         yyy--
retry-jobs     -----   -----    -----     -----          yyy--      -----   yyyy-         -----
open-case      yyy--   -----    yyy--     -----          yyy--      -----   -----         -----
see-case       y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
change-case    y----   -----    yyy--     -----          yyy--      -----   -----         -----
archive-case   -----   -----    yyy--     -----          yyy--      -----   -----         -----
link           y----   -----    yyy--     -----          yyy--      -----   -----         -----
withdraw-link  y----   -----    yyy--     -----          yyy--      -----   -----         -----
assign         -----   -----    -----     -----          yyy--      -----   -----         -----
restrict       -----   -----    -----     -----          yyy--      -----   -----         -----
share          -----   -----    yyy--     -----          yyy--      -----   -----         -----
manage-units   -----   -----    -----     -----          -----      -----   yyyy-         -----
see-schedules  -----   yyyy-    yyyy-     yyyy-          yyyy-      yyyyy   -----         -----
change-schedule -----  -----    yyyy-     -----          yyyy-      -----   -----         -----
import-lists   -----   -----    yyy--     -----          yyy--      -----   -----         -----
hold           -----   -----    yyy--     yyy--          yyy--      -----   -----         -----
state-particulars y---- -----   yyy--     -----          yyy--      -----   -----         -----
write-note     y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
set-forms      -----   -----    -----     -----          yyy--      -----   yyyy-         -----
see-figures    y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
mark           y----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
review         -----   yyy--    -----     yyy--          yyy--      -----   -----         -----
see-reviews    -----   yyy--    yyy--     yyy--          yyy--      -----   -----         -----
draw-sample    -----   -----    -----     yyy--          yyy--      -----   -----         -----
export         -----   -----    yyy--     -----          yyy--      -----   -----         -----
see-disposals  -----   -----    yyy--     yyy--          yyy--      yyyyy   -----         -----
propose-disposal ----- -----    yyy--     -----          yyy--      -----   -----         -----
approve-disposal ----- -----    -----     yyy--          yyy--      -----   -----         -----
"""
RESOURCES = (
    Resource("mine", "me"),
    Resource("mine", "you"),
    Resource("below", "you", ("mine", "top")),
    Resource("theirs", "you", ("top",)),
    Resource("mine", "me", restriction=Restriction.SEALED),
)


def cells() -> list[tuple[Action, Role, str]]:
    header, *rows = EXPECTED.strip("\n").splitlines()
    roles = [Role(name) for name in header.split()]
    assert set(roles) == set(Role)
    table = {Action(row.split()[0]): row.split()[1:] for row in rows}
    assert set(table) == set(Action)
    return [
        (action, role, cell)
        for action, found in table.items()
        for role, cell in zip(roles, found, strict=True)
    ]


def somebody(role: Role, **changes: bool) -> Agent:
    return replace(Agent("me", AgentKind.PERSON, "me", "me", role, "mine"), **changes)


def may(agent: Agent, action: Action, resource: Resource) -> bool:
    try:
        RolePolicy().authorize(agent, action, resource)
    except Denied:
        return False
    return True


@pytest.mark.parametrize(("action", "role", "cell"), cells())
def test_the_table(action: Action, role: Role, cell: str) -> None:
    found = "".join("y" if may(somebody(role), action, resource) else "-" for resource in RESOURCES)
    assert found == cell
    scope = RolePolicy().scope(somebody(role), action)
    assert (scope is None) == (cell == "-----")
    past_seals = may(
        somebody(role), action, Resource("mine", "me", restriction=Restriction.SEALED, purpose="p")
    )
    assert (scope is not None and scope.restriction is Restriction.SEALED) == past_seals


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_whoever_is_switched_off_may_nothing(role: Role, action: Action) -> None:
    agent = somebody(role, disabled=True)
    assert RolePolicy().scope(agent, action) is None
    for resource in RESOURCES:
        for more in ({"named": True}, {"shared": True}, {"assigned": True}):
            assert not may(agent, action, replace(resource, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("action", "role", "cell"), cells())
def test_being_named_opens_what_is_sealed_and_gives_nothing_else(
    action: Action, role: Role, cell: str
) -> None:
    for resource in RESOURCES[:4]:
        sealed = replace(resource, restriction=Restriction.SEALED, named=True, purpose="p")
        assert may(somebody(role), action, sealed) == may(somebody(role), action, resource)


@pytest.mark.parametrize("role", Role)
def test_a_share_lets_look_and_an_assignment_lets_work(role: Role) -> None:
    theirs = RESOURCES[3]
    able = {action for action in Action if RolePolicy().scope(somebody(role), action) is not None}
    already = {action for action in Action if may(somebody(role), action, theirs)}
    shared = {action for action in Action if may(somebody(role), action, replace(theirs, shared=True))}
    assigned = {action for action in Action if may(somebody(role), action, replace(theirs, assigned=True))}
    assert shared - already == able & {Action.SEE_ITEM, Action.PLAY, Action.SEE_CASE, Action.MARK}
    assert assigned - already == able & {
        Action.SEE_CASE,
        Action.CHANGE_CASE,
        Action.LINK,
        Action.WRITE_NOTE,
    }
    for more in ({"shared": True}, {"assigned": True}):
        sealed = replace(theirs, restriction=Restriction.SEALED, **more)  # type: ignore[arg-type]
        assert {action for action in Action if may(somebody(role), action, sealed)} <= already


@pytest.mark.parametrize("restriction", [Restriction.RESTRICTED, Restriction.SEALED])
def test_what_is_restricted_asks_for_a_purpose_of_whoever_may_see_it(restriction: Restriction) -> None:
    policy = RolePolicy()
    closed = Resource("mine", "you", restriction=restriction, named=True)
    for action in (Action.PLAY, Action.READ_ORIGINAL):
        with pytest.raises(PurposeNeeded):
            policy.authorize(somebody(Role.REVIEWER), action, closed)
        policy.authorize(somebody(Role.REVIEWER), action, replace(closed, purpose="a complaint"))
    policy.authorize(somebody(Role.REVIEWER), Action.SEE_ITEM, closed)
    # Whoever may not see it is not even told that.
    elsewhere = replace(closed, unit="theirs")
    with pytest.raises(Denied):
        policy.authorize(somebody(Role.REVIEWER), Action.PLAY, elsewhere)
