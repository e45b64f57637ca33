"use strict";
// Whether a certificate was revoked when it signed (RFC 5280 §6.3, RFC 3161 §4), by lists, and answers of responders,
// that were kept beside the tokens (docs/formats/log.md §6). What is missing, of another time or of somebody else says
// nothing either way.
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
    if (!same(inner.whole, algorithm.whole)) throw new Wrong("it names two algorithms");
    return {
      algorithm: Der.oid(Der.sequence(algorithm, "an algorithm")[0]),
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
    const reason = why === undefined ? undefined : Der.tagged(Der.parse(why.value), 0x0a, "a reason").content;
    return { at: Der.time(at, "when it was revoked"), reason: reasonOf(reason) };
  }

  // What the bytes of a reason mean; none where there are none.
  function reasonOf(number) {
    const reason = number === undefined ? NO_REASON : REASONS[number.length === 1 ? number[0] : REASONS.length];
    if (reason === undefined) throw new Wrong("a reason is none");
    return reason;
  }

  // Whether the certificate above has signed the list; asked once of each.
  function isSignedBy(above, list) {
    const key = hex(hash(above.whole));
    if (!list.signers.has(key)) list.signers.set(key, Certificates.isIssuer(above, list));
    return list.signers.get(key);
  }

  // Whether lists and answers of that time say of each certificate of the chain, [it, the one above it], that it was not
  // revoked. Throws Wrong for one that was. `unread` is what this page could not check of them, `ofNoUse` why answers
  // about a certificate were not taken for which nothing else speaks.
  async function standing(chain, { lists, answers }, at, name) {
    const covered = [];
    const [unread, ofNoUse] = [[], []];
    // Every one of them is looked at: one that was revoked is found also where another's list is missing.
    for (const [one, above] of chain) {
      const listed = await isListed(one, above, lists, at, name, unread);
      const { answered, refused } = await isAnswered(one, above, answers, at, name, unread);
      covered.push(listed || answered);
      if (!covered.at(-1)) ofNoUse.push(...refused);
    }
    return { isUnrevoked: covered.length > 0 && covered.every(Boolean), unread, ofNoUse };
  }

  // What it gives, unless this page cannot check it: then that is put down.
  async function orUnread(unread, check) {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof Certificates.NotHere)) throw error;
      unread.push(error.message);
      return null;
    }
  }

  async function isListed(one, above, lists, at, name, unread) {
    let covered = false;
    for (const list of lists) {
      if (!await orUnread(unread, () => isSignedBy(above, list)) || !list.isWhole) continue;
      const entry = list.revoked.get(hex(one.serial));
      if (entry !== undefined) requireHarmless(one, said(entry), at, name);
      covered ||= covers(one, list.from, list.until, at);
    }
    return covered;
  }

  async function isAnswered(one, above, answers, at, name, unread) {
    let answered = false;
    const refused = [];
    for (const answer of answers) {
      if (!Answers.isAbout(answer, one)) continue;
      let found;
      try {
        found = await orUnread(unread, () => Answers.about(answer, one, above));
      } catch (error) {
        if (!(error instanceof Answers.NotOfUse)) throw error;
        refused.push(`${answer.name}: ${error.message}`);
        continue;
      }
      if (found === null) continue;
      if (found.revoked !== null) requireHarmless(one, found.revoked, at, name);
      if (covers(one, found.made, found.until, at)) answered = true;
      else refused.push(`${answer.name}: it is of another time`);
    }
    if (answers.length > 0 && refused.length === 0 && !answered) refused.push("the OCSP answers here are about other certificates");
    return { answered, refused };
  }

  // In force at that time, or younger: who was revoked by then would stand in it. But not once the certificate itself
  // had ended: nobody has to remember it then.
  const covers = (one, made, until, at) => made <= one.until && (made >= at || (until !== null && at <= until));

  // Without one of those reasons everything that the key ever signed is void, at whatever time.
  function requireHarmless(one, revoked, at, name) {
    if (HARMLESS.has(revoked.reason) && revoked.at > at) return;
    const day = new Date(revoked.at).toISOString().slice(0, 19).replace("T", " ");
    throw new Wrong(`${name} proves no time: the certificate of its authority, ${one.name}, was revoked on ${day} UTC (${revoked.reason})`);
  }

  return { listOf, reasonOf, standing };
})();
