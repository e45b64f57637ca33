"use strict";
// Whether a certificate was revoked when it signed (RFC 5280 §6.3, RFC 3161 §4), by lists that were kept beside the
// tokens (docs/formats/log.md §6). What is missing, of another time or of somebody else says nothing either way.
const Revocation = (() => {
  const { Wrong, hex, hash, same } = Checks;
  const [REASON, DELTA, POINT] = ["2.5.29.21", "2.5.29.27", "2.5.29.28"];
  const REASONS = [
    "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
    "certificateHold", undefined, "removeFromCRL", "privilegeWithdrawn", "aACompromise",
  ];
  // Why a certificate may be revoked without what it signed before being void.
  const HARMLESS = new Set(["unspecified", "affiliationChanged", "superseded", "cessationOfOperation"]);
  const NO_REASON = "no reason given";

  const isTime = (value) => value !== undefined && (value.tag === 0x17 || value.tag === 0x18);

  // A list, by its name; throws Wrong for what is none.
  function listOf(name, data) {
    try {
      return { name, ...parsed(Checks.fromPemOr(data, "X509 CRL")) };
    } catch (error) {
      throw error instanceof Wrong ? new Wrong(`${name} is no revocation list: ${error.message}`) : error;
    }
  }

  function parsed(data) {
    const [signed, algorithm, signature, ...rest] = Der.sequence(Der.parse(data), "a list");
    const fields = Der.sequence(signed, "a list");
    if (rest.length > 0) throw new Wrong("it has more than belongs to one");
    if (fields[0]?.tag === 0x02 && Der.small(fields.shift(), "a version") !== 1) throw new Wrong("it is not of version 2");
    const [inner, issuer, from] = fields.splice(0, 3);
    const until = isTime(fields[0]) ? Der.time(fields.shift(), "when the next list comes") : null;
    const entries = fields[0]?.tag === Der.SEQUENCE ? Der.inside(fields.shift()) : [];
    const more = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
    if (fields.length > 0 || inner === undefined) throw new Wrong("it is not of the form of one");
    return {
      // One that names two algorithms was signed by nobody.
      isOne: same(inner.whole, Der.tagged(algorithm, 0x30, "an algorithm").whole), algorithm: Der.oid(Der.inside(algorithm)[0]),
      signed: signed.whole, signature: Der.bits(signature, "a signature"), issuer: Der.tagged(issuer, 0x30, "an issuer").whole,
      from: Der.time(from, "when the list was made"), until, revoked: revokedIn(entries),
      isWhole: more === undefined || Certificates.extensionsIn(Der.inside(more)[0]).every(isRead), signers: new Map(),
    };
  }

  // Whether what an extension says leaves the list one of every certificate and of every reason; others are not read.
  function isRead([name, { critical, value }]) {
    if (name === POINT) return Der.sequence(Der.parse(value), "a list's scope").every(({ tag, content }) => tag === 0xa0 || (tag !== 0x83 && content[0] === 0));
    return name !== DELTA && !critical;
  }

  // When each was revoked, and why, by its number.
  function revokedIn(entries) {
    const found = new Map();
    for (const one of entries) {
      const [serial, at, more] = Der.sequence(one, "an entry");
      found.set(hex(Der.tagged(serial, 0x02, "a number").whole), { at, more });
    }
    return found;
  }

  function said({ at, more }) {
    const [, why] = (more === undefined ? [] : Certificates.extensionsIn(more)).find(([name]) => name === REASON) ?? [];
    const number = why === undefined ? undefined : Der.tagged(Der.parse(why.value), 0x0a, "a reason").content;
    const reason = number === undefined ? NO_REASON : REASONS[number.length === 1 ? number[0] : REASONS.length];
    if (reason === undefined) throw new Wrong("a reason is none");
    return { at: Der.time(at, "when it was revoked"), reason };
  }

  // Whether the certificate above has signed the list; asked once of each.
  function isSignedBy(above, list) {
    const key = hex(hash(above.whole));
    if (!list.signers.has(key)) list.signers.set(key, list.isOne && Certificates.isIssuer(above, list));
    return list.signers.get(key);
  }

  // Whether lists of that time say of each certificate of the chain, [it, the one above it], that it was not revoked.
  // Throws Wrong for one that was. `here` is told what this page could not check of a list.
  async function isUnrevoked(chain, lists, at, name, here) {
    const covered = [];
    // Every one of them is looked at: one that was revoked is found also where another's list is missing.
    for (const [one, above] of chain) covered.push(await isListed(one, above, lists, at, name, here));
    return covered.length > 0 && covered.every(Boolean);
  }

  async function isListed(one, above, lists, at, name, here) {
    let covered = false;
    for (const list of lists) {
      try {
        if (!await isSignedBy(above, list) || !list.isWhole) continue;
      } catch (error) {
        if (!(error instanceof Certificates.NotHere)) throw error;
        here(error.message);
        continue;
      }
      const entry = list.revoked.get(hex(one.serial));
      if (entry !== undefined) requireHarmless(one, said(entry), at, name);
      // In force at that time, or younger: who was revoked by then would stand in it.
      covered ||= list.from >= at || (list.until !== null && at <= list.until);
    }
    return covered;
  }

  // Without one of those reasons everything that the key ever signed is void, at whatever time.
  function requireHarmless(one, revoked, at, name) {
    if (HARMLESS.has(revoked.reason) && revoked.at > at) return;
    const day = new Date(revoked.at).toISOString().slice(0, 19).replace("T", " ");
    throw new Wrong(`${name} proves no time: the certificate of its authority, ${one.name}, was revoked on ${day} UTC (${revoked.reason})`);
  }

  return { listOf, isUnrevoked };
})();
