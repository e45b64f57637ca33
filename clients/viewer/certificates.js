"use strict";
// Certificates (RFC 5280), as far as a time authority's token needs them: what they say, whether one was issued by
// another, and whether they lead to a root. Signatures are the browser's to check (WebCrypto).
const Certificates = (() => {
  const { Wrong, same } = Checks;
  // What this browser, or this page, has no way to check; that is said, and proves nothing either way.
  class NotHere extends Error {}

  const HASHES = {
    "2.16.840.1.101.3.4.2.1": "SHA-256", "2.16.840.1.101.3.4.2.2": "SHA-384", "2.16.840.1.101.3.4.2.3": "SHA-512",
  };
  const SIGNATURES = {
    "1.2.840.10045.4.3.2": ["ECDSA", "SHA-256"], "1.2.840.10045.4.3.3": ["ECDSA", "SHA-384"],
    "1.2.840.10045.4.3.4": ["ECDSA", "SHA-512"], "1.2.840.113549.1.1.11": ["RSASSA-PKCS1-v1_5", "SHA-256"],
    "1.2.840.113549.1.1.12": ["RSASSA-PKCS1-v1_5", "SHA-384"], "1.2.840.113549.1.1.13": ["RSASSA-PKCS1-v1_5", "SHA-512"],
  };
  const RSA = "1.2.840.113549.1.1.1";
  const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48], "1.3.132.0.35": ["P-521", 66] };
  const [KEY_USAGE, BASIC, EXTENDED] = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];
  const [TIME_STAMPING, OCSP_SIGNING] = ["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"];
  // Policies bind nobody here and names limit nothing: what a root is given for is one authority's time.
  const READ = new Set([KEY_USAGE, BASIC, EXTENDED, "2.5.29.32"]);
  const LONGEST = 8;

  function parse(whole) {
    const [signed, algorithm, signature, ...rest] = Der.sequence(Der.parse(whole), "a certificate");
    const fields = Der.sequence(signed, "a certificate");
    if (rest.length > 0) throw new Wrong("a certificate has more than belongs to one");
    const version = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
    const [serial, inner, issuer, validity, subject, key, ...more] = fields;
    if (inner === undefined || !same(inner.whole, algorithm.whole)) throw new Wrong("a certificate names two algorithms");
    const [from, until] = Der.sequence(validity, "a certificate's validity");
    const found = {
      whole, signed: signed.whole, serial: Der.tagged(serial, 0x02, "a serial number").whole, issuer: Der.tagged(issuer, 0x30, "an issuer").whole,
      subject: Der.tagged(subject, 0x30, "a subject").whole, name: nameOf(subject), key: Der.tagged(key, 0x30, "a key").whole,
      algorithm: Der.oid(Der.sequence(algorithm, "an algorithm")[0]), signature: Der.bits(signature, "a signature"),
      from: Der.time(from, "a certificate's beginning"), until: Der.time(until, "a certificate's end"), extensions: new Map(),
    };
    const last = more.at(-1);
    if (version !== undefined && last?.tag === 0xa3) found.extensions = new Map(extensionsIn(Der.inside(last)[0]));
    return found;
  }

  // Each extension's name, whether it is critical, and what it holds.
  function extensionsIn(value) {
    const found = new Map();
    for (const one of Der.sequence(value, "extensions")) {
      const parts = Der.sequence(one, "an extension");
      const name = Der.oid(parts[0]);
      const critical = parts.length === 3 && Der.boolean(parts[1], "whether an extension is critical");
      if (found.has(name)) throw new Wrong("an extension stands there twice");
      found.set(name, { critical, value: Der.octets(parts.at(-1), "an extension") });
    }
    return [...found];
  }

  // What people call it: its common name, else its organisation.
  function nameOf(subject) {
    const known = new Map();
    for (const one of Der.inside(subject)) {
      for (const pair of Der.set(one, "a name")) {
        const [kind, value] = Der.sequence(pair, "a name");
        known.set(Der.oid(kind), Der.text(value));
      }
    }
    return known.get("2.5.4.3") ?? known.get("2.5.4.10") ?? "";
  }

  // The certificates in a PEM file.
  function fromPem(text) {
    const found = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
    if (found.length === 0) throw new Wrong("the file holds no certificate in PEM");
    return found.map(([, one]) => parse(Checks.fromBase64(one.replace(/\s/g, ""), "a certificate")));
  }

  // Whether the key in `issuer` has signed `data`; NotHere for what this browser cannot check.
  async function holds(issuer, algorithm, signature, data) {
    const [name, hash] = SIGNATURES[algorithm] ?? [];
    if (name === undefined || !globalThis.crypto?.subtle) throw new NotHere(`signatures of the kind ${algorithm}`);
    const [kind, parameter] = Der.sequence(Der.sequence(Der.parse(issuer.key), "a key")[0], "a key's algorithm");
    const isRsa = Der.oid(kind) === RSA;
    if (isRsa !== (name !== "ECDSA")) throw new Wrong("a signature is of another kind than its key");
    const [namedCurve, size] = isRsa ? [] : CURVES[Der.oid(parameter)] ?? [];
    if (!isRsa && namedCurve === undefined) throw new NotHere("keys on that curve");
    let key;
    try {
      key = await crypto.subtle.importKey("spki", issuer.key, isRsa ? { name, hash } : { name, namedCurve }, false, ["verify"]);
    } catch {
      throw new NotHere(`keys of the kind ${namedCurve ?? "RSA"} as this certificate has one`);
    }
    const plain = isRsa ? signature : pair(signature, size);
    return crypto.subtle.verify(isRsa ? name : { name, hash }, key, plain, data);
  }

  // The two numbers of an ECDSA signature, one behind the other, as WebCrypto wants them.
  function pair(signature, size) {
    const numbers = Der.sequence(Der.parse(signature), "a signature");
    if (numbers.length !== 2) throw new Wrong("a signature is not of two numbers");
    const made = new Uint8Array(2 * size);
    numbers.forEach((one, place) => {
      const bytes = Der.unsigned(one, "a signature's number");
      if (bytes.length > size) throw new Wrong("a signature's number is too large");
      made.set(bytes, (place + 1) * size - bytes.length);
    });
    return made;
  }

  // Two authorities may have one name: whose key does not fit has not issued it.
  async function isIssuer(above, one) {
    if (!same(above.subject, one.issuer)) return false;
    try {
      return await holds(above, one.algorithm, one.signature, one.signed);
    } catch (error) {
      if (error instanceof Wrong) return false;
      throw error;
    }
  }

  // May it sign certificates, of which `below` stand between it and the last one?
  function requireAuthority(one, below) {
    const basic = one.extensions.get(BASIC);
    const [is, longest] = basic ? Der.sequence(Der.parse(basic.value), "basic constraints") : [];
    if (is === undefined || is.tag !== 0x01 || !Der.boolean(is, "basic constraints")) throw new Wrong(`${one.name} is no authority that may issue certificates`);
    if (longest !== undefined && Der.small(longest, "a length of a path") < below) throw new Wrong(`${one.name} may not issue so long a chain`);
    const usage = one.extensions.get(KEY_USAGE);
    if (usage && !(Der.tagged(Der.parse(usage.value), 0x03, "a key's usage").content[1] & 0x04)) throw new Wrong(`${one.name} may not sign certificates`);
  }

  // The signer of a token has that one purpose, and nothing else (RFC 3161 §2.3).
  function requireTimeStamping(one) {
    const use = one.extensions.get(EXTENDED);
    const purposes = use ? Der.sequence(Der.parse(use.value), "a certificate's purposes").map(Der.oid) : [];
    if (!use?.critical || purposes.length !== 1 || purposes[0] !== TIME_STAMPING) {
      throw new Wrong(`the certificate of ${one.name} is not for time stamping alone`);
    }
  }

  // May it sign what its issuer's responder answers (RFC 6960 §4.2.2.2)?
  function isForAnswers(one) {
    const use = one.extensions.get(EXTENDED);
    return use !== undefined && Der.sequence(Der.parse(use.value), "a certificate's purposes").map(Der.oid).includes(OCSP_SIGNING);
  }

  // The root to which the signer leads by these certificates, each in force at that time, and on the way each with the
  // one that issued it; null where to none.
  async function wayUp(signer, held, roots, at) {
    let one = signer;
    const chain = [];
    for (let length = 0; length < LONGEST; length += 1) {
      const unknown = [...one.extensions].find(([name, { critical }]) => critical && !READ.has(name));
      if (unknown) throw new Wrong(`the certificate of ${one.name} has a critical extension that this page does not know`);
      if (at < one.from || at > one.until) throw new Wrong(`the certificate of ${one.name} was not in force at that time`);
      const root = roots.find((each) => same(each.whole, one.whole));
      if (root) return { root, chain };
      let above = null;
      for (const each of [...roots, ...held]) {
        if (!same(each.whole, one.whole) && await isIssuer(each, one)) { above = each; break; }
      }
      if (above === null) return null;
      requireAuthority(above, length);
      chain.push([one, above]);
      one = above;
    }
    return null;
  }

  return { NotHere, HASHES, SIGNATURES, RSA, parse, extensionsIn, fromPem, holds, isIssuer, wayUp, isForAnswers, requireTimeStamping };
})();
