"""By whose time a disposal goes, and an export is stamped, where one authority is required and one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from custos.commands.dispose import _disposing
from custos.sections import CustodySettings
from custos.settings import Settings
from evidence.agents import Role
from evidence.errors import Unavailable
from tests.serving.case_histories import document
from tests.serving.exports import asked
from tests.serving.inside import served_inside
from tests.time_authority import time_authority


def test_a_disposal_goes_by_one_that_is_required_alone_and_an_export_by_it_first(tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        known = {
            "time_authorities": {each.url: str(each.root) for each in (one, two)},
            "time_authorities_required": [two.url],
        }
        with served_inside(tmp_path / "data", custody=known) as bureau:
            settings = Settings(data=bureau.data, custody=CustodySettings(**known))
            trusted = _disposing(settings, bureau.services)._trusted
            assert bureau.do(trusted.stamp(b"statement")).authority == two.url
            archivist, item = bureau.client(Role.ARCHIVIST), document(bureau, "一")
            assert asked(archivist, f"/items/{item}/exports")["made"]["authority"] == two.url
            assert one.asked == 0
            two.spoil = lambda answer: answer[:-1]
            with pytest.raises(Unavailable):
                bureau.do(trusted.stamp(b"statement"))
            assert one.asked == 0
            # Whoever has to hand something over today is not kept waiting.
            assert asked(archivist, f"/items/{item}/exports")["made"]["authority"] == one.url
