"""Every way in which Custos says no.

    CustosError
    ├── Invalid            the request itself is wrong; sending it again changes nothing
    ├── Unauthenticated    nobody is signed in
    ├── Denied             signed in, but may not, or the thing may not exist (never says which)
    ├── Disposed           it was here and is disposed of; only said to whoever could see it
    ├── PurposeNeeded      allowed, but only to whoever says what they look for
    ├── Conflict           right in itself, but not now: another request or state is in the way
    ├── TooLarge           a length or quota would be exceeded
    ├── NoSpace            the free-space reserve would be touched
    ├── Unavailable        a part that this needs is down; trying again later is right
    │   └── EventNotWritten    the access could not be put on record, so nothing was served
    ├── LeaseLost          another worker has taken the job over; what this one did is dropped
    └── StageFailed        a stage of background work failed, for good or until retried

`code` is stable for ever and is what programs and translations key on. `message` is for a person and
says what to do; it holds no path, trace or secret.
"""

from __future__ import annotations


class CustosError(Exception):
    """Root of the tree. `code` is a stable kebab-case word, `message` is safe to show.

    `passes`: what is in the way goes away, and the very same is right later.
    """

    passes = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Invalid(CustosError):
    """The request is wrong and will stay wrong."""


class Unauthenticated(CustosError):
    """Sign in first."""


class Denied(CustosError):
    """Not allowed, or not there: the answer is the same (promise 10 of docs/architecture.md)."""

    def __init__(self, message: str = "There is nothing here that you may see.") -> None:
        super().__init__("not-found", message)


class Disposed(CustosError):
    """The item was disposed of; whoever could see it is told when and by which certificate."""

    def __init__(self, at: str, proposal: str) -> None:
        super().__init__(
            "disposed",
            f"This was disposed of on {at[:10]}, as its retention was over. The certificate is that of "
            f"disposal {proposal}.",
        )


class PurposeNeeded(CustosError):
    """The item is restricted: its bytes are for whoever states a purpose."""

    def __init__(self) -> None:
        super().__init__(
            "purpose-needed",
            "This is restricted. State what you look for first (POST …/purpose, or the header X-Purpose); it "
            "goes on record.",
        )


class Conflict(CustosError):
    """Something else is in the way at this moment."""


class TooLarge(CustosError):
    """A length limit or a unit's quota would be exceeded."""


class NoSpace(CustosError):
    """The free-space reserve would be touched."""

    passes = True


class Unavailable(CustosError):
    """A part that this needs is not answering."""

    passes = True


class EventNotWritten(Unavailable):
    """An access that cannot be put on record is refused."""

    def __init__(self) -> None:
        super().__init__(
            "not-on-record",
            "This access could not be put on record, so nothing was sent. Try again in a moment; "
            "if it goes on, tell your administrator to look at the catalogue.",
        )


class LeaseLost(CustosError):
    """The fencing token is no longer the row's: another worker owns the job."""

    def __init__(self) -> None:
        super().__init__("lease-lost", "Another worker has taken this job over.")


class StageFailed(CustosError):
    """A stage could not do its work.

    `final` means that trying again by itself cannot help; a person has to act on `message`. `passes`: it is
    the machine's fault, and not that of what is worked on.
    """

    def __init__(self, code: str, message: str, *, final: bool = False, passes: bool = False) -> None:
        super().__init__(code, message)
        self.final = final
        self.passes = passes
