"""Chinese and English are found by what they hold, and by nothing that they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import Invalid
from evidence.words import LONGEST_QUESTION, Asked, asked, code, fold, searchable, terms, tokens

HAN = st.text("张伟大二队执法现场检查城南㐀𠀀々〇", min_size=1, max_size=8)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def finds(question: str, *texts: str) -> bool:
    """As the catalogue does it: by terms first, then by the text."""
    kept = searchable(texts)
    held = terms(kept)

    def has(token: Asked) -> bool:
        if token.is_prefix:
            by_term = any(term.startswith(token.terms[0]) for term in held)
        else:
            by_term = held.issuperset(token.terms)
        assert by_term or token.within not in kept
        assert not (by_term and token.is_told_by_terms) or token.within in kept
        return by_term and token.within in kept

    return all(map(has, asked(question)))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("张伟", "民警张伟在现场"),
        ("张", "民警张伟"),
        ("伟", "民警张伟"),
        ("二大队", "交通执法二大队"),
        ("大队", "交通执法二大队"),
        ("DSJ", "dsj-00012_20260301.mp4"),
        ("00012 mp4", "DSJ-00012_20260301.MP4"),
        ("2026", "DSJ_20260301"),
        ("１２３", "案号123"),
        ("ＡＢＣ", "abcdef"),
        ("沪公行罚（2026）12号", "沪公行罚(2026)12号"),
        ("straße", "STRASSE"),
        ("çaf", "ÇAFÉ"),
        ("张伟dsj", "DSJ-1 张伟"),
        ("かな", "ひらかな"),
        ("대한", "대한민국"),
        ("नमस्ते", "नमस्ते दुनिया"),
    ],
)
def test_what_is_there_is_found(question: str, text: str) -> None:
    assert finds(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("张伟大", "张伟和伟大"),
        ("伟张", "张伟"),
        ("0012", "dsj00012"),
        ("sj", "dsj 1"),
        ("dsj 99", "dsj 1"),
    ],
)
def test_what_is_not_there_is_not_found(question: str, text: str) -> None:
    assert not finds(question, text)


def test_texts_do_not_run_into_each_other() -> None:
    assert not finds("队张", "二大队", "张伟")
    assert finds("二大队 张伟", "二大队", "张伟")


@given(ANY, HAN, ANY)
def test_a_run_is_found_in_every_text_that_holds_it(before: str, run: str, after: str) -> None:
    assert finds(run, before + run + after)


@given(HAN, st.data())
def test_every_stretch_of_a_run_is_found(run: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(run) - 1))
    end = data.draw(st.integers(start + 1, len(run)))
    assert finds(run[start:end], f"x{run}, y")


@given(ANY, st.data())
def test_every_word_is_found_by_its_beginnings(text: str, data: st.DataObject) -> None:
    found = tokens(text)
    if found:
        word = data.draw(st.sampled_from(found))
        end = data.draw(st.integers(1, len(word)))
        if tokens(word[:end]) == [word[:end]]:
            assert finds(word[:end], text)


@given(st.lists(ANY, min_size=1, max_size=4), st.data())
def test_a_text_is_found_by_itself(texts: list[str], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts))
    if 0 < len(tokens(text)) <= 16:
        assert finds(text, *texts)


@given(ANY)
def test_tokens_of_tokens_are_the_same(text: str) -> None:
    found = tokens(text)
    assert tokens(" ".join(found)) == found


def test_a_long_word_is_found_by_all_of_it() -> None:
    word = "a" * 100
    assert finds(word, f"{word}b")
    assert not finds(word + "c", f"{word}b")
    assert max(map(len, terms(searchable([word])))) <= 32


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        ("…—！ ", "nothing-to-search"),
        ("字" * (LONGEST_QUESTION + 1), "text-too-long"),
        (" ".join("abcdefghijklmnopq"), "too-many-words"),
    ],
)
def test_questions_that_ask_nothing_or_too_much_are_refused(question: str, refusal: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(question)
    assert refused.value.code == refusal


@given(ANY)
def test_a_code_has_one_spelling(text: str) -> None:
    assert code(f"  {text} ") == code(text)
    assert code(code(text)) == code(text)


@given(ANY)
def test_a_folded_text_is_folded(text: str) -> None:
    assert fold(fold(text)) == fold(text)
