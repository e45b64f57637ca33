"use strict";
// A time authority's answer (RFC 3161): that its token is over these bytes, and signed by the certificate in it. Whose
// certificate that is, only a root shows that somebody else gave.
const Tokens = (() => {
  const { Wrong, same, hex } = Checks;
  const { NotHere } = Certificates;
  const SIGNED_DATA = "1.2.840.113549.1.7.2";
  const TIME_INFO = "1.2.840.113549.1.9.16.1.4";
  const [CONTENT_TYPE, DIGEST] = ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"];
  const [SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_2] = ["1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"];
  const SM3 = "1.2.156.10197.1.401";
  const LONGEST = 65536;
  // docs/formats/log.md §6: these bytes in a token mean that a Custos signed its own time.
  const MARK = "061469819da8a7a599b4ead7a3b6c78ccbe990e7af13";

  const isSelfAsserted = (token) => hex(token).includes(MARK);

  async function digest(name, data) {
    if (!globalThis.crypto?.subtle) throw new NotHere("digests of tokens");
    return new Uint8Array(await crypto.subtle.digest(name, data));
  }

  function parse(answer) {
    if (answer.length > LONGEST) throw new Wrong("a token is too long");
    const [status, token, ...rest] = Der.sequence(Der.parse(answer), "an answer");
    if (rest.length > 0 || Der.small(Der.sequence(status, "a status")[0], "a status") > 1) throw new Wrong("the authority gave no token");
    const [kind, content] = Der.sequence(token, "a token");
    if (Der.oid(kind) !== SIGNED_DATA) throw new Wrong("a token is not signed");
    const parts = Der.sequence(Der.inside(Der.tagged(content, 0xa0, "signed data"))[0], "signed data");
    const [, , inner, ...others] = parts;
    const [type, wrapped] = Der.sequence(inner, "a token's content");
    if (Der.oid(type) !== TIME_INFO) throw new Wrong("a token states no time");
    const info = Der.octets(Der.inside(Der.tagged(wrapped, 0xa0, "a token's content"))[0], "a token's content");
    const held = others.filter(({ tag }) => tag === 0xa0).flatMap(Der.inside).filter(({ tag }) => tag === Der.SEQUENCE);
    const signers = Der.set(others.at(-1), "a token's signers");
    if (signers.length !== 1) throw new Wrong("a token has not one signer");
    return { info, held: held.map(({ whole }) => Certificates.parse(whole)), signer: signerOf(signers[0]), ...statedIn(info) };
  }

  function statedIn(info) {
    const [version, policy, imprint, serial, time] = Der.sequence(Der.parse(info), "a token's content");
    if (Der.small(version, "a token's version") !== 1) throw new Wrong("a token is not of version 1");
    Der.tagged(serial, 0x02, "a token's serial number");
    const [algorithm, digested] = Der.sequence(imprint, "an imprint");
    Der.tagged(time, 0x18, "a token's time");
    return {
      policy: Der.oid(policy), at: Der.time(time, "a token's time"),
      imprint: { algorithm: Der.oid(Der.sequence(algorithm, "an imprint")[0]), digest: Der.octets(digested, "an imprint") },
    };
  }

  function signerOf(value) {
    const [, who, hashing, ...rest] = Der.sequence(value, "a signer");
    if (rest[0]?.tag !== 0xa0) throw new Wrong("a token's signer has signed no attributes");
    const [attributes, algorithm, signature] = rest;
    const found = new Map();
    for (const one of Der.inside(attributes)) {
      const [kind, values] = Der.sequence(one, "an attribute");
      const name = Der.oid(kind);
      const held = Der.set(values, "an attribute");
      if (found.has(name) || held.length !== 1) throw new Wrong("a token's signer states an attribute twice");
      found.set(name, held[0]);
    }
    // What is signed is the set itself, with the tag of one.
    const signed = Uint8Array.from(attributes.whole);
    signed[0] = Der.SET;
    return {
      who, signed, attributes: found, hashing: Der.oid(Der.sequence(hashing, "a digest")[0]),
      algorithm: Der.oid(Der.sequence(algorithm, "an algorithm")[0]), signature: Der.octets(signature, "a signature"),
    };
  }

  // The certificate that the signer is named by.
  function certificateOf({ signer, held }) {
    if (signer.who.tag === 0x80) throw new NotHere("signers that are named by their key's identifier");
    const [issuer, serial] = Der.sequence(signer.who, "who signed a token");
    const found = held.filter((one) => same(one.issuer, issuer.whole) && same(one.serial, serial.whole));
    if (found.length !== 1) throw new Wrong("the certificate that signed a token is not in it");
    return found[0];
  }

  // RFC 5816: the token commits to the certificate, so that no other of the same key takes its place.
  async function requireCommitted(attributes, certificate) {
    const newer = attributes.get(SIGNING_CERTIFICATE_2);
    const value = newer ?? attributes.get(SIGNING_CERTIFICATE);
    if (value === undefined) throw new Wrong("a token does not commit to the certificate that signed it");
    const [first] = Der.sequence(Der.sequence(value, "a signing certificate")[0], "a signing certificate");
    const parts = Der.sequence(first, "a signing certificate");
    let name = newer ? "SHA-256" : "SHA-1";
    if (newer && parts[0]?.tag === Der.SEQUENCE) {
      const stated = Der.oid(Der.sequence(parts.shift(), "a digest")[0]);
      name = Certificates.HASHES[stated];
      if (name === undefined) throw new NotHere(`digests of the kind ${stated}`);
    }
    if (!same(Der.octets(parts[0], "a signing certificate"), await digest(name, certificate.whole))) {
      throw new Wrong("a token commits to another certificate than the one that signed it");
    }
  }

  // What the answer states, once it is over `data` and its signature holds: `at`, `policy`, whose certificate, and the
  // name of the root that it leads to, null without one, with the certificates on the way (`chain`). Throws Wrong, and NotHere for what this page cannot check.
  async function verified(answer, data, roots) {
    const token = parse(answer);
    const { imprint, signer, info, at, policy } = token;
    const kind = Certificates.HASHES[imprint.algorithm];
    if (kind === undefined) throw new NotHere(imprint.algorithm === SM3 ? "imprints by SM3" : `imprints of the kind ${imprint.algorithm}`);
    if (!same(imprint.digest, await digest(kind, data))) throw new Wrong("it is over other bytes");
    const hashing = Certificates.HASHES[signer.hashing];
    if (hashing === undefined) throw new NotHere(`digests of the kind ${signer.hashing}`);
    const type = signer.attributes.get(CONTENT_TYPE);
    const stated = signer.attributes.get(DIGEST);
    if (!type || Der.oid(type) !== TIME_INFO) throw new Wrong("its signer does not say that it is a time");
    if (!stated || !same(Der.octets(stated, "a digest"), await digest(hashing, info))) throw new Wrong("its time was changed after it was signed");
    const certificate = certificateOf(token);
    await requireCommitted(signer.attributes, certificate);
    Certificates.requireTimeStamping(certificate);
    const algorithm = signer.algorithm === Certificates.RSA ? RSA_WITH[hashing] : signer.algorithm;
    if (!await Certificates.holds(certificate, algorithm, signer.signature, signer.signed)) throw new Wrong("its signature does not hold");
    const way = await Certificates.wayUp(certificate, token.held, roots, at);
    return { at, policy, authority: certificate.name, root: way === null ? null : way.root.name, chain: way === null ? [] : way.chain };
  }
  const RSA_WITH = { "SHA-256": "1.2.840.113549.1.1.11", "SHA-384": "1.2.840.113549.1.1.12", "SHA-512": "1.2.840.113549.1.1.13" };

  return { isSelfAsserted, verified };
})();
