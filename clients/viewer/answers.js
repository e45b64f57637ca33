"use strict";
// Answers of OCSP responders (RFC 6960) about one certificate: whose they are, and of what time (docs/formats/log.md §6).
const Answers = (() => {
  const { Wrong, hex, same } = Checks;
  const BASIC = "1.3.6.1.5.5.7.48.1.1";
  // The one critical extension that takes nothing from an answer.
  const NONCE = "1.3.6.1.5.5.7.48.1.2";
  const SHA_1 = "1.3.14.3.2.26";

  // What says nothing about the certificate; the text says why.
  class NotOfUse extends Error {}

  // Whether these bytes begin as an answer does, with a status; a list begins with what is signed.
  const isAnswer = (data) => { try { return Der.inside(Der.parse(data))[0]?.tag === 0x0a; } catch { return false; } };

  // An answer, by its name; throws Wrong for what is none, or states nothing.
  function answerOf(name, data) {
    try {
      return { name, ...parsed(data) };
    } catch (error) {
      throw error instanceof Wrong ? new Wrong(`${name} is no answer of a responder (OCSP): ${error.message}`) : error;
    }
  }

  function parsed(data) {
    const [status, wrapped, ...rest] = Der.sequence(Der.parse(data), "an answer");
    const { content } = Der.tagged(status, 0x0a, "a status");
    if (content.length !== 1 || content[0] !== 0) throw new Wrong("its responder refused");
    const [kind, basic] = Der.sequence(Der.inside(Der.tagged(wrapped, 0xa0, "an answer"))[0], "an answer");
    if (rest.length > 0 || Der.oid(kind) !== BASIC) throw new Wrong("it is not of the form of one");
    const [told, algorithm, signature, held] = Der.sequence(Der.parse(Der.octets(basic, "an answer")), "an answer");
    const fields = Der.sequence(told, "an answer");
    if (fields[0]?.tag === 0xa0) fields.shift();
    const [responder, made, singles, more] = fields;
    const extensions = more === undefined ? [] : Certificates.extensionsIn(Der.inside(Der.tagged(more, 0xa1, "extensions"))[0]);
    if (responder?.tag !== 0xa1 && responder?.tag !== 0xa2) throw new Wrong("it names no responder");
    return {
      responder: { isName: responder.tag === 0xa1, value: Der.inside(responder)[0] },
      produced: Der.time(Der.tagged(made, 0x18, "when it was made"), "when it was made"),
      singles: Der.sequence(singles, "answers").map(singleOf), extensions, signed: told.whole,
      algorithm: Der.oid(Der.sequence(algorithm, "an algorithm")[0]), signature: Der.bits(signature, "a signature"),
      held: held === undefined ? [] : Der.sequence(Der.inside(Der.tagged(held, 0xa0, "certificates"))[0], "certificates").map(({ whole }) => Certificates.parse(whole)),
    };
  }

  function singleOf(value) {
    const [name, status, from, ...rest] = Der.sequence(value, "an answer");
    const [digest, issuer, key, serial] = Der.sequence(name, "a certificate's name");
    const until = rest[0]?.tag === 0xa0 ? Der.time(Der.inside(rest.shift())[0], "when the next answer comes") : null;
    const extensions = rest[0]?.tag === 0xa1 ? Certificates.extensionsIn(Der.inside(rest.shift())[0]) : [];
    if (rest.length > 0) throw new Wrong("it is not of the form of one");
    return {
      digest: Der.oid(Der.sequence(digest, "a digest")[0]), issuer: Der.octets(issuer, "a digest"), key: Der.octets(key, "a digest"),
      serial: Der.tagged(serial, 0x02, "a number").whole, from: Der.time(from, "when it was known"), until, extensions, ...statusOf(status),
    };
  }

  function statusOf(status) {
    if (status?.tag === 0x80) return { isKnown: true, revoked: null };
    if (status?.tag === 0x82) return { isKnown: false, revoked: null };
    const [at, why] = Der.inside(Der.tagged(status, 0xa1, "a status"));
    const reason = why === undefined ? undefined : Der.tagged(Der.inside(Der.tagged(why, 0xa0, "a reason"))[0], 0x0a, "a reason").content;
    return { isKnown: true, revoked: { at: Der.time(at, "when it was revoked"), reason: Revocation.reasonOf(reason) } };
  }

  // Whether it gives the certificate's number; that of another issuer may be the same.
  const isAbout = ({ singles }, one) => singles.some(({ serial }) => same(serial, one.serial));

  async function digestOf(name, data) {
    const kind = name === SHA_1 ? "SHA-1" : Certificates.HASHES[name];
    if (kind === undefined || !globalThis.crypto?.subtle) throw new Certificates.NotHere(`digests of the kind ${name}`);
    return new Uint8Array(await crypto.subtle.digest(kind, data));
  }

  const keyIn = (certificate) => Der.bits(Der.sequence(Der.parse(certificate.key), "a key")[1], "a key");

  // What the answer says of the certificate that `above` has issued: when that was known, until when it was said, and
  // when and why it was revoked. `voids(delegate, at)` gives the revocation that voids what another of that issuer's
  // signed in its place then. Throws NotOfUse, and NotHere for what this page cannot check.
  async function about(answer, one, above, voids) {
    const [single, ...others] = answer.singles;
    if (others.length > 0) throw new NotOfUse("it is about several certificates at once, which is not read here");
    for (const [name, { critical }] of [...answer.extensions, ...single.extensions]) {
      if (critical && name !== NONCE) throw new NotOfUse(`it has a critical extension that is not read here, ${name}`);
    }
    const isNamed = same(single.issuer, await digestOf(single.digest, one.issuer)) && same(single.key, await digestOf(single.digest, keyIn(above)));
    if (!isNamed || !same(single.serial, one.serial)) throw new NotOfUse("it is about another certificate");
    await requireSigned(answer, above, voids);
    if (!single.isKnown) throw new NotOfUse("its responder did not know the certificate");
    return { made: Math.min(single.from, answer.produced), until: single.until, revoked: single.revoked };
  }

  // RFC 6960 §4.2.2.2: by the issuer, or by whom it has issued a certificate for that.
  async function requireSigned(answer, above, voids) {
    const signer = await signerOf(answer, above);
    const { isName, value } = answer.responder;
    const isNamed = isName ? same(value.whole, signer.subject) : same(Der.octets(value, "a responder"), await digestOf(SHA_1, keyIn(signer)));
    if (!isNamed) throw new NotOfUse("it names another responder than the one that signed it");
    if (same(signer.whole, above.whole)) return;
    if (!await Certificates.isIssuer(above, signer)) throw new NotOfUse("it was signed by a stranger, whom the issuer did not name");
    if (!Certificates.isForAnswers(signer)) throw new NotOfUse("it was signed by a certificate of the issuer's that is not for signing answers");
    if (answer.produced < signer.from || answer.produced > signer.until) throw new NotOfUse("it was signed by a certificate that was not in force then");
    const revoked = await voids(signer, answer.produced);
    if (revoked !== undefined) throw new NotOfUse(`it was signed by a certificate that was revoked on ${Revocation.dayOf(revoked)}`);
  }

  async function signerOf({ algorithm, signature, signed, held }, above) {
    let here = null;
    for (const one of [above, ...held]) {
      try {
        if (await Certificates.holds(one, algorithm, signature, signed)) return one;
      } catch (error) {
        if (error instanceof Certificates.NotHere) here = error;
        else if (!(error instanceof Wrong)) throw error;
      }
    }
    throw here ?? new NotOfUse("neither the issuer has signed it nor a certificate in it");
  }

  return { NotOfUse, isAnswer, answerOf, isAbout, about };
})();
