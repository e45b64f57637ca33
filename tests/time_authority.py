"""A real time authority (RFC 3161) on loopback: `openssl ts` behind HTTP, with a root made at test time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import (
    CertificateRevocationListBuilder,
    CRLReason,
    ReasonFlags,
    RevokedCertificate,
    RevokedCertificateBuilder,
    load_pem_x509_certificate,
)

_LIST_BEGINS, _LIST_ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)

_CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[signer]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
{points}
[responder]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
[tsa]
default_tsa = authority
[authority]
serial = {directory}/serial
signer_cert = {directory}/signer.pem
signer_key = {directory}/signer.key
signer_digest = {digest}
{between}
default_policy = 1.2.3.4.1
digests = sha1, sha256, sha384, sha512, sm3
ess_cert_id_alg = sha256
"""


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class TimeAuthority:
    """What the tests tell it to be. `spoil` may change an answer before it is sent."""

    def __init__(
        self,
        directory: Path,
        lists: str | None = None,
        key: str = "P-256",
        digest: str = "sha256",
        *,
        between: bool = False,
        answers: str | None = None,
    ) -> None:
        """`lists`: the address of its revocation list, in its certificate; `key`: a curve, or `rsa:2048`.

        It signs by `digest`; with `between` there is a certificate between its own and the root. `answers`
        is the address of its responder (OCSP), in its certificate.
        """
        directory.mkdir(parents=True)
        self._directory = directory
        self.root = directory / "root.pem"
        self.url = ""
        self.asked = 0
        self.spoil: Callable[[bytes], bytes] = bytes
        config = str(directory / "openssl.cnf")
        named = {"crlDistributionPoints = URI:": lists, "authorityInfoAccess = OCSP;URI:": answers}
        points = "\n".join(f"{name}{url}" for name, url in named.items() if url)
        (directory / "openssl.cnf").write_text(
            _CONFIG.format(
                directory=directory,
                points=points,
                digest=digest,
                between=f"certs = {directory}/between.pem" if between else "",
            )
        )
        self.listed = 0
        self.answered = 0
        #: Who signs its answers: `responder`, by a certificate for that, or `root` itself.
        self.answers_by = "responder"
        #: Changes an answer before it is sent.
        self.spoil_answer: Callable[[bytes], bytes] = bytes
        #: Entries of its list; None: it gives none.
        self.revoked: list[RevokedCertificate] | None = []
        #: When its list was made, and until when it is in force.
        self.list_times = (_LIST_BEGINS, _LIST_ENDS)
        (directory / "serial").write_text("01\n")
        kind = (key,) if key.startswith("rsa") else ("ec", "-pkeyopt", f"ec_paramgen_curve:{key}")
        new_key = ("-newkey", *kind, "-nodes", "-config", config)
        _openssl(
            "req", "-x509", *new_key, "-subj", "/CN=Root of the tests", "-days", "30", "-extensions", "root",
            "-keyout", str(directory / "root.key"), "-out", str(self.root),
        )  # fmt: skip

        def issue(name: str, subject: str, above: str, extensions: str) -> None:
            made = {kind: str(directory / f"{name}.{kind}") for kind in ("key", "csr", "pem")}
            _openssl(
                "req", *new_key, "-subj", f"/CN={subject}", "-keyout", made["key"], "-out", made["csr"]
            )  # fmt: skip
            _openssl(
                "x509", "-req", "-in", made["csr"], "-CA", str(directory / f"{above}.pem"), "-CAkey",
                str(directory / f"{above}.key"), "-CAcreateserial", "-days", "30", "-extfile", config,
                "-extensions", extensions, "-out", made["pem"], f"-{digest}",
            )  # fmt: skip

        if between:
            issue("between", "Between the two", "root", "root")
        issue("signer", "Time of the tests", "between" if between else "root", "signer")
        if answers:
            issue("responder", "Responder of the tests", "root", "responder")

    def answer(self, query: bytes) -> bytes:
        """The response to a query, as openssl makes it."""
        self.asked += 1
        asked, answered = (self._directory / f"{self.asked}.{kind}" for kind in ("tsq", "tsr"))
        asked.write_bytes(query)
        _openssl(
            "ts", "-reply", "-config", str(self._directory / "openssl.cnf"), "-section", "authority",
            "-queryfile", str(asked), "-out", str(answered),
        )  # fmt: skip
        return self.spoil(answered.read_bytes())

    def revoke(self, at: datetime, reason: ReasonFlags | None = None) -> None:
        """Its certificate stands in its list from now on."""
        signer = load_pem_x509_certificate((self._directory / "signer.pem").read_bytes())
        entry = RevokedCertificateBuilder().serial_number(signer.serial_number).revocation_date(at)
        if reason is not None:
            entry = entry.add_extension(CRLReason(reason), critical=False)
        self.revoked = [*(self.revoked or ()), entry.build()]

    def status(self, question: bytes) -> bytes | None:
        """The answer of its responder, as openssl makes it, of now and in force for an hour."""
        self.answered += 1
        if self.revoked is None:
            return None
        place = self._directory
        signer = load_pem_x509_certificate((place / "signer.pem").read_bytes())
        ends = f"{signer.not_valid_after_utc:%y%m%d%H%M%SZ}"
        line = ["V", ends, "", f"{signer.serial_number:040X}", "unknown", "/CN=Time of the tests"]
        for entry in self.revoked:
            at = f"{entry.revocation_date_utc:%y%m%d%H%M%SZ}"
            line[0], line[2] = "R", ",".join([at, *(one.value.reason.value for one in entry.extensions)])
        (place / "index").write_text("\t".join(line) + "\n")
        (place / "question").write_bytes(question)
        _openssl(
            "ocsp", "-index", str(place / "index"), "-CA", str(self.root), "-reqin", str(place / "question"),
            "-rsigner", str(place / f"{self.answers_by}.pem"), "-rkey", str(place / f"{self.answers_by}.key"),
            "-respout", str(place / "status"), "-nmin", "60",
        )  # fmt: skip
        return self.spoil_answer((place / "status").read_bytes())

    def revocation_list(self) -> bytes | None:
        """Its list, in DER, signed by its root."""
        self.listed += 1
        if self.revoked is None:
            return None
        key = load_pem_private_key((self._directory / "root.key").read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        begins, ends = self.list_times
        builder = CertificateRevocationListBuilder().last_update(begins).next_update(ends)
        builder = builder.issuer_name(load_pem_x509_certificate(self.root.read_bytes()).subject)
        for entry in self.revoked:
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


@contextmanager
def time_authority(directory: Path, *, lists: bool = False, answers: bool = False) -> Iterator[TimeAuthority]:
    """One that answers for the length of the block.

    With `lists` its certificate names a revocation list, with `answers` a responder (OCSP).
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/ocsp":
                assert self.headers["Content-Type"] == "application/ocsp-request"
                self._send(authority.status(query), "application/ocsp-response")
            else:
                self._send(authority.answer(query), "application/timestamp-reply")

        def do_GET(self) -> None:
            self._send(authority.revocation_list(), "application/pkix-crl")

        def _send(self, body: bytes | None, kind: str) -> None:
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Nothing: what is asked is counted."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = f"http://127.0.0.1:{server.server_address[1]}"
    authority = TimeAuthority(
        directory, f"{here}/list.crl" if lists else None, answers=f"{here}/ocsp" if answers else None
    )
    authority.url = f"{here}/tsa"
    # How long it is waited for at the end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
