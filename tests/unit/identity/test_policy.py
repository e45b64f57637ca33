"""Who may do what, against a table that a lawyer can read: own thing, unit's thing, another unit's."""

from __future__ import annotations

import pytest

from evidence.agents import Action, Agent, AgentKind, Resource, Role
from evidence.errors import Denied
from identity.policy import RolePolicy

#: For each role and action: y or - for (own, unit, other unit).
EXPECTED = """
                 upload salvage list-items see-item play read-original see-history see-jobs retry-jobs
officer          yy-    yy-     y--        y--      y--  ---           ---         yy-      ---
reviewer         ---    ---     yy-        yy-      yy-  yy-           yy-         yy-      ---
archivist        ---    ---     yy-        yy-      yy-  yy-           yy-         yy-      ---
legal-reviewer   ---    ---     yy-        yy-      yy-  yy-           yy-         yy-      ---
supervisor       yy-    yy-     yy-        yy-      yy-  yy-           yy-         yy-      yy-
auditor          ---    ---     ---        ---      ---  ---           yyy         yyy      ---
administrator    ---    ---     ---        ---      ---  ---           ---         yyy      yyy
station          yy-    ---     ---        ---      ---  ---           ---         yy-      ---
"""


def cases() -> list[tuple[Role, Action, str]]:
    header, *rows = EXPECTED.strip("\n").splitlines()
    actions = [Action(name) for name in header.split()]
    assert set(actions) == set(Action)
    table = {Role(row.split()[0]): row.split()[1:] for row in rows}
    assert set(table) == set(Role)
    return [
        (role, action, cell)
        for role, cells in table.items()
        for action, cell in zip(actions, cells, strict=True)
    ]


@pytest.mark.parametrize(("role", "action", "cell"), cases())
def test_the_table(role: Role, action: Action, cell: str) -> None:
    policy = RolePolicy()
    agent = Agent("me", AgentKind.PERSON, "me", "me", role, "mine")
    resources = (Resource("mine", "me"), Resource("mine", "you"), Resource("theirs", "you"))
    for resource, expected in zip(resources, cell, strict=True):
        if expected == "y":
            policy.authorize(agent, action, resource)
        else:
            with pytest.raises(Denied):
                policy.authorize(agent, action, resource)
    assert (policy.scope(agent, action) is None) == (cell == "---")


def test_whoever_is_switched_off_may_nothing() -> None:
    agent = Agent("me", AgentKind.PERSON, "me", "me", Role.SUPERVISOR, "mine", disabled=True)
    assert RolePolicy().scope(agent, Action.UPLOAD) is None
    with pytest.raises(Denied):
        RolePolicy().authorize(agent, Action.UPLOAD, Resource("mine", "me"))
