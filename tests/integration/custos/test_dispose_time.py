"""By whose time a disposal goes where one time authority is required and another is optional."""

from __future__ import annotations

from pathlib import Path

import pytest

from custos.commands.dispose import _disposing
from custos.sections import CustodySettings
from custos.settings import Settings
from evidence.errors import Unavailable
from tests.serving.inside import served_inside
from tests.time_authority import time_authority


def test_a_disposal_goes_by_the_time_of_one_that_is_required_alone(tmp_path: Path) -> None:
    with time_authority(tmp_path / "one") as one, time_authority(tmp_path / "two") as two:
        known = {
            "time_authorities": {each.url: str(each.root) for each in (one, two)},
            "time_authorities_required": [two.url],
        }
        with served_inside(tmp_path / "data", custody=known) as bureau:
            settings = Settings(data=bureau.data, custody=CustodySettings(**known))
            trusted = _disposing(settings, bureau.services)._trusted
            assert bureau.do(trusted.stamp(b"statement")).authority == two.url
            two.spoil = lambda answer: answer[:-1]
            asked = one.asked
            with pytest.raises(Unavailable):
                bureau.do(trusted.stamp(b"statement"))
            assert one.asked == asked
