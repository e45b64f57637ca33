"""Policy files, and heads that meet them or do not: also with any byte changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clients.verifier.heads import pinned, proof_parts
from clients.verifier.policy import Policy, head_step, lets_two_pass, only_log_pem, parse_policy, trusted_head
from clients.verifier.receipt import NotVerified
from custody.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    Signature,
    VerifierKey,
    cosign,
    parse_checkpoint,
    parse_key,
    parse_note,
    require_signed,
    sign,
)
from custody.policies import policy_text
from tests.places import ROOT

ORIGIN = "custos.example/log"
AT = 1_700_000_000
KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(9)]
TEXT = str(Checkpoint(ORIGIN, 20852163, bytes(range(32))))


def log_key(origin: str = ORIGIN, number: int = 0) -> str:
    return str(VerifierKey(origin, ED25519, KEYS[number].public_key().public_bytes_raw()))


def witness_key(number: int) -> VerifierKey:
    return VerifierKey(f"w{number}.example", COSIGNATURE, KEYS[number].public_key().public_bytes_raw())


def line(number: int, at: int = AT, text: str = TEXT) -> Signature:
    return cosign(text, f"w{number}.example", KEYS[number], at)


def head(*witnesses: int | Signature) -> str:
    lines = [one if isinstance(one, Signature) else line(one) for one in witnesses]
    return str(Note(TEXT, (sign(TEXT, ORIGIN, KEYS[0]), *lines)))


def written(*lines: str) -> bytes:
    witnesses = [f"witness X{number} {witness_key(number)}" for number in range(1, 7)]
    return "\n".join([f"log {log_key()}", *witnesses, *lines, ""]).encode()


#: The example of c2sp.org/tlog-policy: two of the one office, any of the other.
TWO_OFFICES = written(
    "group X-witnesses 2 X1 X2 X3",
    "group Y-witnesses any X4 X5 X6",
    "group X-and-Y all X-witnesses Y-witnesses",
    "quorum X-and-Y",
)


@pytest.mark.parametrize(
    ("witnesses", "enough"),
    [
        ((), False), ((1, 2), False), ((4, 5, 6), False), ((1, 4), False), ((1, 4, 5, 6), False),
        ((1, 2, 4), True), ((1, 3, 6), True), ((1, 2, 3, 4, 5, 6), True), ((1, 1, 4), False),
    ],
)  # fmt: skip
def test_a_quorum_of_two_offices(witnesses: tuple[int, ...], enough: bool) -> None:
    policy = parse_policy(TWO_OFFICES)
    if not enough:
        with pytest.raises(NotVerified, match="quorum"):
            trusted_head(head(*witnesses), policy)
        return
    found = trusted_head(head(*witnesses), policy)
    assert (found.origin, found.size, found.root) == (ORIGIN, 20852163, bytes(range(32)))
    assert [one.witness for one in found.cosigned] == [f"w{number}.example" for number in witnesses]
    assert {one.at for one in found.cosigned} == {datetime.fromtimestamp(AT, UTC)}


def test_what_is_written_for_outsiders_is_what_they_read() -> None:
    keys = [witness_key(number) for number in (1, 2, 3)]
    policy = parse_policy(policy_text(log_key(), keys, 2).encode())
    assert [*policy.witnesses] == ["w1.example", "w2.example", "w3.example"]
    assert trusted_head(head(1, 3), policy).cosigned[1].witness == "w3.example"
    with pytest.raises(NotVerified, match=r"w2\.example did"):
        trusted_head(head(2), policy)
    step = head_step(trusted_head(head(1, 3), policy), policy)
    assert "w1.example at 2023-11-14 22:13:20 UTC, w3.example at" in step.proved
    assert "saw hashes alone" in step.not_checked
    # Two of one name, and names that mean something there.
    twins = [VerifierKey("group", COSIGNATURE, key.public) for key in keys[:2]]
    assert len(parse_policy(policy_text(log_key(), twins, 1).encode()).witnesses) == 2
    odd = [VerifierKey("none", COSIGNATURE, keys[0].public), VerifierKey("witnesses", 4, keys[1].public)]
    assert len(parse_policy(policy_text(log_key(), odd, 2).encode()).witnesses) == 2


@pytest.mark.parametrize(
    ("groups", "two_pass"),
    [
        (("quorum X1",), False), (("quorum none",), True),
        (("group g any X1 X2", "quorum g"), True), (("group g all X1 X2", "quorum g"), False),
        (("group g 2 X1 X2 X3", "quorum g"), False), (("group g 2 X1 X2 X3 X4", "quorum g"), True),
        (("group g any X1 X2", "group h any X3", "group i all g h", "quorum i"), False),
        (("group g any X1 X2", "group h any X3 X4", "group i all g h", "quorum i"), True),
        (("group g any X1 X2", "group i 2 g X3 X4", "quorum i"), True),
        (("group g all X1 X2", "group i 2 g X3 X4", "quorum i"), False),
    ],
)  # fmt: skip
def test_a_policy_that_two_halves_could_meet_is_said_to_be_one(
    groups: tuple[str, ...], two_pass: bool
) -> None:
    policy = parse_policy(written(*groups))
    assert lets_two_pass(policy) is two_pass
    # The same, by trying: each of four witnesses cosigns one of two trees or none.
    passing = [
        sides
        for sides in product((0, 1, 2), repeat=4)
        if all(_meets(policy, [at + 1 for at in range(4) if sides[at] == side]) for side in (1, 2))
    ]
    assert bool(passing) is two_pass
    found = trusted_head(head(1, 2, 3, 4), policy)
    assert ("two halves" in head_step(found, policy).not_checked) is two_pass


def _meets(policy: Policy, witnesses: list[int]) -> bool:
    try:
        trusted_head(head(*witnesses), policy)
    except NotVerified:
        return False
    return True


def test_without_witnesses_the_log_alone_is_believed_and_that_is_said() -> None:
    policy = parse_policy(policy_text(log_key(), (), 1).encode())
    assert policy.quorum is None
    found = trusted_head(head(), policy)
    assert "asks for no witness" in head_step(found, policy).not_checked
    assert b"PUBLIC KEY" in only_log_pem(policy)
    assert head_step(found, pinned(log_key())).not_checked.endswith("compare checkpoints")


def test_cosignatures_that_count_for_nothing() -> None:
    policy = parse_policy(written("group all-six any X1 X2 X3 X4 X5 X6", "quorum all-six"))
    stranger = cosign(TEXT, "w1.example", KEYS[8], AT)
    of_another = cosign(str(Checkpoint(ORIGIN, 5, bytes(32))), "w1.example", KEYS[1], AT)
    own = line(1)
    bent = Signature(own.name, own.key_id, own.signature[:-1] + bytes([own.signature[-1] ^ 1]))
    later = Signature(own.name, own.key_id, (AT + 1).to_bytes(8, "big") + own.signature[8:])
    under_its_name = Signature(own.name, own.key_id, stranger.signature)
    with pytest.raises(NotVerified, match="none of its witnesses did"):
        trusted_head(head(stranger), policy)
    for wrong in (of_another, bent, later, under_its_name, line(1, 0), line(1, 2**63 - 1)):
        with pytest.raises(NotVerified, match=r"cosignature of w1\.example"):
            trusted_head(head(wrong), policy)
        # A line that does not hold makes the head none, also beside enough that do.
        with pytest.raises(NotVerified, match=r"cosignature of w1\.example"):
            trusted_head(head(2, wrong), policy)
    cut = Signature(own.name, own.key_id, own.signature[:7])
    with pytest.raises(NotVerified):
        trusted_head(head(cut), policy)


def test_numbers_without_end_are_no_numbers() -> None:
    text = f"{ORIGIN}\n{'9' * 5000}\n{TEXT.split()[2]}\n"
    endless = str(Note(text, (sign(text, ORIGIN, KEYS[0]),)))
    with pytest.raises(NotVerified, match="no number"):
        trusted_head(endless, pinned(log_key()))
    with pytest.raises(NotVerified, match="no index"):
        proof_parts(f"c2sp.org/tlog-proof@v1\nindex {'9' * 5000}\n\n{head()}", "it")
    with pytest.raises(ValueError, match="number of leaves"):
        parse_checkpoint(text)


def test_every_byte_of_a_cosigned_head_counts() -> None:
    policy = parse_policy(written("group both all X1 X2", "quorum both"))
    data = head(1, 2).encode()
    trusted_head(data.decode(), policy)
    for place in range(len(data)):
        for bit in (1, 0x20, 0x80):
            changed = bytes([*data[:place], data[place] ^ bit, *data[place + 1 :]])
            with pytest.raises(NotVerified):
                trusted_head(changed.decode("utf-8", "surrogateescape"), policy)


def test_a_policy_with_any_byte_changed_is_refused_or_is_another_policy_and_nothing_crashes() -> None:
    signed = head(1, 2, 4)
    accepted = 0
    for place in range(len(TWO_OFFICES)):
        for bit in (1, 4, 0x20, 0x80):
            changed = bytes([*TWO_OFFICES[:place], TWO_OFFICES[place] ^ bit, *TWO_OFFICES[place + 1 :]])
            try:
                policy = parse_policy(changed)
                trusted_head(signed, policy)
            except NotVerified:
                continue
            accepted += 1
            for fewer in ((1, 2), (4, 5, 6), (1, 4)):
                with pytest.raises(NotVerified):
                    trusted_head(head(*fewer), policy)
    assert accepted < len(TWO_OFFICES) // 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"log {log_key()}\nwitness a {witness_key(0)}\nquorum a\n", "stands there twice"),
        (f"witness a {witness_key(0)}\nlog {log_key()}\nquorum a\n", "stands there twice"),
        ("", "no quorum"),
        ("quorum none\nquorum none\n", "a quorum already"),
        ("quorum nobody\n", "nothing is called"),
        (f"log {log_key()}\nlog {log_key('other.example')}\nquorum none\n", "stands there twice"),
        (f"log {log_key()}\nlog {log_key(ORIGIN, 1)}\nquorum none\n", "of that name"),
        (f"witness a {witness_key(1)}\nwitness b {witness_key(1)}\nquorum a\n", "stands there twice"),
        (f"witness a {witness_key(1)}\nwitness a {witness_key(2)}\nquorum a\n", "is taken"),
        (f"witness none {witness_key(1)}\nquorum none\n", "is taken"),
        (f"witness a {log_key()}\nquorum a\n", "not that of a witness"),
        (f"log {witness_key(1)}\nquorum none\n", "no Ed25519 key"),
        (f"witness a {witness_key(1)}\ngroup g 2 a\nquorum g\n", "more than it has"),
        (f"witness a {witness_key(1)}\ngroup g 0 a\nquorum g\n", "any, all or a number"),
        (f"witness a {witness_key(1)}\ngroup g 01 a\nquorum g\n", "any, all or a number"),
        (f"witness a {witness_key(1)}\ngroup g any a a\nquorum g\n", "count twice"),
        (f"witness a {witness_key(1)}\ngroup g any a\ngroup h any a\nquorum h\n", "count twice"),
        ("group g any h\nquorum g\n", "nothing is called"),
        ("group g any none\nquorum g\n", "nothing is called"),
        ("group g any\nquorum g\n", "none of log"),
        ("log\nquorum none\n", "none of log"),
        ("quorum none\r\n", "control characters"),
        ("#\0\nquorum none\n", "control characters"),
        ("#time-policy\nquorum none\n", "none of log"),
        ("#time-policy 1.2.x\nquorum none\n", "no object identifier"),
        ("#time-policy 1.02\nquorum none\n", "no object identifier"),
        ("wutness a b\nquorum none\n", "line 1 "),
        ("\n" * 5000, "too long"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotVerified, match=words):
        parse_policy(text.encode())


def test_spaces_comments_addresses_and_names_of_any_octets() -> None:
    name = b"\xe8\xa7\x81\xe8\xaf\x81\xff"
    policy = parse_policy(
        b"# \xe6\xb3\xa8\xff\n\t log  " + log_key().encode() + b" https://log.example/ \n   \n"
        b"#time-policy 1.2.3.4.1\n# time-policy is a comment\n"
        b"witness " + name + b"\t" + str(witness_key(1)).encode() + b" https://w.example\n"
        b"  # and so on\nquorum " + name + b"\n"
    )
    assert trusted_head(head(1), policy).cosigned[0].witness == "w1.example"
    assert policy.time_policies == {"1.2.3.4.1"}
    with pytest.raises(NotVerified, match="knows no log"):
        trusted_head(head(1).replace(ORIGIN, "other.example", 1), policy)


#: A head that a public log published in May 2026, with the signatures of four witnesses whose programs are
#: not this one (tests/vectors/cosigned-checkpoint.txt), and the keys that log and witnesses publish.
PUBLIC_LOG = """
log arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f
witness w1 transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM
witness smartit witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO
witness remora remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2
witness stagemole witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv
group four all w1 smartit remora stagemole
quorum four
"""


def test_what_witnesses_of_other_hands_cosigned_is_verified() -> None:
    note = (ROOT / "tests/vectors/cosigned-checkpoint.txt").read_text()
    found = trusted_head(note, parse_policy(PUBLIC_LOG.encode()))
    assert found.size == 1_432_088_532
    assert len(found.cosigned) == 4
    assert {f"{one.at:%Y-%m-%d}" for one in found.cosigned} == {"2026-05-23"}
    # The log's own code reads the same, and writes it again byte for byte.
    parsed = parse_note(note)
    assert str(parsed) == note
    for text in PUBLIC_LOG.split():
        if text.count("+") >= 2:
            require_signed(parsed, parse_key(text))
