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
  // So many reasons are told for which answers were not taken.
  const MOST_TOLD = 5;

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
      isWhole: more === undefined || Certificates.extensionsIn(Der.inside(more)[0]).every(isRead),
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

  // Whether what is kept says of each certificate of the chain, [it, the one above it], that it was not revoked at that
  // time. Throws Wrong for one that was. `unread` is what this page could not check, `ofNoUse` why answers about a
  // certificate were not taken for which nothing else speaks.
  async function standing(chain, kept, at, name) {
    const covered = [];
    const [unread, ofNoUse] = [[], []];
    // Every one of them is looked at: one that was revoked is found also where another's list is missing.
    for (const [one, above] of chain) {
      const known = await knownOf(one, above, kept);
      for (const revoked of known.revoked) requireHarmless(one, revoked, at, name);
      // In force at that time, or younger: who was revoked by then would stand in it.
      covered.push(known.made >= at || known.until >= at);
      unread.push(...known.unread);
      if (!covered.at(-1)) ofNoUse.push(...known.ofNoUse);
    }
    return { isUnrevoked: covered.length > 0 && covered.every(Boolean), unread, ofNoUse };
  }

  // What was ever said of one certificate; asked once, as an export has many tokens of few.
  function knownOf(one, above, kept) {
    const key = hex(hash(one.whole)) + hex(hash(above.whole));
    kept.known ??= new Map();
    if (!kept.known.has(key)) kept.known.set(key, learnt(one, above, kept));
    return kept.known.get(key);
  }

  async function learnt(one, above, { lists, answers }) {
    const unread = new Set();
    const { told, ofNoUse } = await answered(one, above, lists, answers, unread);
    told.unshift(...await listed(one, above, lists, unread));
    // Once the certificate itself had ended nobody had to remember that it was revoked.
    const speaking = told.filter(({ made }) => made <= one.until);
    const revoked = told.map((each) => each.revoked).filter((each) => each !== null);
    return {
      made: Math.max(...speaking.map(({ made }) => made)), until: Math.max(...speaking.map(({ until }) => until ?? -Infinity)),
      revoked, unread: [...unread], ofNoUse: ofNoUse.slice(0, MOST_TOLD + 1),
    };
  }

  // What it gives, unless this page cannot check it: then that is put down.
  async function orUnread(unread, check) {
    try {
      return await check();
    } catch (error) {
      if (!(error instanceof Certificates.NotHere)) throw error;
      unread.add(error.message);
      return null;
    }
  }

  async function listed(one, above, lists, unread) {
    const told = [];
    for (const list of lists) {
      if (!await orUnread(unread, () => Certificates.isIssuer(above, list)) || !list.isWhole) continue;
      const entry = list.revoked.get(hex(one.serial));
      told.push({ made: list.from, until: list.until, revoked: entry === undefined ? null : said(entry) });
    }
    return told;
  }

  async function answered(one, above, lists, answers, unread) {
    // Of a certificate that signs answers in the issuer's place its lists are asked.
    const voids = async (delegate, at) => (await listed(delegate, above, lists, unread)).map(({ revoked }) => revoked).find((revoked) => revoked !== null && isVoid(revoked, at));
    const [told, refused, others] = [[], [], []];
    let isUnread = false;
    for (const answer of answers) {
      if (!Answers.isAbout(answer, one)) continue;
      try {
        const found = await orUnread(unread, () => Answers.about(answer, one, above, voids));
        isUnread ||= found === null;
        if (found === null) continue;
        told.push(found);
        others.push(`${answer.name}: it is of another time`);
      } catch (error) {
        if (!(error instanceof Answers.NotOfUse)) throw error;
        refused.push(`${answer.name}: ${error.message}`);
      }
    }
    if (answers.length > 0 && told.length === 0 && refused.length === 0 && !isUnread) refused.push("the OCSP answers here are about other certificates");
    return { told, ofNoUse: [...refused, ...others] };
  }

  // Without one of those reasons everything that the key ever signed is void, at whatever time.
  const isVoid = (revoked, at) => !HARMLESS.has(revoked.reason) || revoked.at <= at;

  const dayOf = ({ at, reason }) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC (${reason})`;

  function requireHarmless(one, revoked, at, name) {
    if (isVoid(revoked, at)) throw new Wrong(`${name} proves no time: the certificate of its authority, ${one.name}, was revoked on ${dayOf(revoked)}`);
  }

  return { MOST_TOLD, dayOf, listOf, reasonOf, standing };
})();
