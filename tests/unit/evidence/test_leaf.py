from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical, parse_canonical
from evidence.leaf import ChainLink, chains_text, leaf_around

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LINK = st.one_of(
    st.builds(ChainLink, TEXT, st.just(0), st.none()),
    st.builds(ChainLink, TEXT, st.integers(1, 2**53 - 1), TEXT),
)


@given(st.lists(LINK, max_size=5))
def test_chains_are_as_canonical_as_the_general_encoder_writes_them(links: list[ChainLink]) -> None:
    general = [{"subject": one.subject, "seq": one.seq, "prev": one.prev} for one in links]
    assert chains_text(links) == canonical({"x": general})[5:-1]
    leaf = leaf_around(b'{"a":1}', chains_text(links))
    assert parse_canonical(leaf) == {"chains": general, "event": {"a": 1}, "v": "custos/leaf/1"}
