"""The one question that every route asks."""

from __future__ import annotations

from typing import Protocol

from evidence.agents import Action, Agent, Resource


class Authority(Protocol):
    """Who may do what. An error denies."""

    def authorize(self, agent: Agent, action: Action, resource: Resource) -> None:
        """Return if allowed, else raise Denied, which says nothing about what exists.

        PurposeNeeded where the agent is allowed but has not said what they look for.
        """
        ...

    def scope(self, agent: Agent, action: Action) -> Resource | None:
        """The widest resource on which the agent may do this (without a unit: of all); None: nothing.

        It is sealed where they may do it with what is sealed although nobody named them.
        """
        ...
