"use strict";
// Whose word for the log suffices, and what they signed: keys (c2sp.org/signed-note), a pinned policy with witnesses
// (c2sp.org/tlog-policy), and the cosignatures of a head (c2sp.org/tlog-cosignature). docs/formats/log.md §3, §8.
const Trust = (() => {
  const { Wrong, bytes, hash, hex, fromBase64, signed } = Checks;
  const LOG = 1;
  const WITNESS = 4;
  const NONE = "none";
  // For every other reader of such a file a comment.
  const TIME_POLICY = "#time-policy";
  const LATEST = 253402300799n;

  // name+id+base64 of the signature's type and the key.
  function pinned(text, type = LOG) {
    const [name, id, ...rest] = text.trim().split("+");
    if (rest.length === 0 || name === "") throw new Wrong("the key is not of the form name+id+key");
    const material = fromBase64(rest.join("+"), "the key");
    if (material.length !== 33 || material[0] !== type) throw new Wrong(type === LOG ? "the key is no Ed25519 key" : "the key is not that of a witness");
    const own = hash(bytes(`${name}\n`), material).slice(0, 4);
    if (hex(own) !== id) throw new Wrong("the key's identifier does not belong to it");
    return { name, id: own, raw: material.slice(1), text: text.trim() };
  }

  const isWitnessKey = (text) => { try { pinned(text, WITNESS); return true; } catch { return false; } };

  // What somebody pins: the log's key; or that and keys of witnesses, one a line, all of which have to have cosigned; or
  // a policy. `log(origin)` gives the key of that log.
  function from(text) {
    const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
    if (lines.some((line) => /^(log|witness|group|quorum)[ \t]/.test(line))) return policy(text);
    const witnesses = new Map(lines.filter(isWitnessKey).map((line) => [line, pinned(line, WITNESS)]));
    const logs = lines.filter((line) => !witnesses.has(line)).map((line) => pinned(line));
    if (logs.length !== 1) throw new Wrong("the key is not of the form name+id+key");
    const all = [...witnesses.keys()];
    return trusting(logs, witnesses, new Map([["all", { needed: all.length, members: all }]]), all.length > 0 ? "all" : null);
  }

  function trusting(logs, witnesses, groups, quorum, timePolicies = new Set()) {
    const raws = [...logs, ...witnesses.values()].map(({ raw }) => hex(raw));
    if (new Set(raws).size !== raws.length) throw new Wrong("one key stands there twice");
    const log = (origin) => {
      const found = logs.find(({ name }) => name === origin);
      if (!found) throw new Wrong(logs.length === 1 ? `the checkpoint is not signed by ${logs[0].name} with that key` : `the policy knows no log ${origin}`);
      return found;
    };
    return { logs, log, witnesses, groups, quorum, timePolicies };
  }

  function policy(text) {
    const made = { logs: [], witnesses: new Map(), groups: new Map(), quorum: undefined, members: new Set(), timePolicies: new Set() };
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) throw new Wrong("the policy has control characters");
    text.split("\n").forEach((line, place) => {
      const words = line.split(/[ \t]+/).filter((word) => word !== "");
      if (words.length === 0 || (words[0].startsWith("#") && words[0] !== TIME_POLICY)) return;
      try {
        take(made, words);
      } catch (error) {
        throw error instanceof Wrong ? new Wrong(`line ${place + 1} of the policy: ${error.message}`) : error;
      }
    });
    if (made.quorum === undefined) throw new Wrong("the policy has no quorum line");
    return trusting(made.logs, made.witnesses, made.groups, made.quorum === NONE ? null : made.quorum, made.timePolicies);
  }

  function take(made, [kind, ...rest]) {
    const { logs, witnesses, groups, members } = made;
    const unused = (name) => { if (name === NONE || witnesses.has(name) || groups.has(name)) throw new Wrong(`the name ${name} is taken`); };
    const known = (name) => { if (!witnesses.has(name) && !groups.has(name)) throw new Wrong(`nothing is called ${name} yet`); };
    if (kind === "log" && (rest.length === 1 || rest.length === 2)) {
      const key = pinned(rest[0]);
      if (logs.some(({ name }) => name === key.name)) throw new Wrong("there is a log of that name already");
      logs.push(key);
    } else if (kind === "witness" && (rest.length === 2 || rest.length === 3)) {
      unused(rest[0]);
      witnesses.set(rest[0], pinned(rest[1], WITNESS));
    } else if (kind === "group" && rest.length >= 3) {
      const [name, needed, ...names] = rest;
      unused(name);
      for (const one of names) {
        known(one);
        if (members.has(one)) throw new Wrong(`${one} is a member already, and would count twice`);
        members.add(one);
      }
      const count = { any: 1, all: names.length }[needed] ?? (/^[1-9][0-9]{0,5}$/.test(needed) ? Number(needed) : NaN);
      if (!(count <= names.length)) throw new Wrong("how many a group needs is any, all or a number that it has");
      groups.set(name, { needed: count, members: names });
    } else if (kind === "quorum" && rest.length === 1) {
      if (made.quorum !== undefined) throw new Wrong("there is a quorum already");
      if (rest[0] !== NONE) known(rest[0]);
      [made.quorum] = rest;
    } else if (kind === TIME_POLICY && rest.length === 1) {
      if (!/^[0-2](\.(0|[1-9][0-9]{0,39})){1,31}$/.test(rest[0])) throw new Wrong(`${rest[0]} is no object identifier of a time authority's policy`);
      made.timePolicies.add(rest[0]);
    } else {
      throw new Wrong("it is none of log, witness, group and quorum with what belongs to it");
    }
  }

  // A signed note: its text, and its signature lines.
  function parted(note, what) {
    const cut = note.lastIndexOf("\n\n");
    if (cut < 0 || !note.endsWith("\n") || note.length === cut + 2) throw new Wrong(`${what} is not a signed note`);
    const lines = note.slice(cut + 2, -1).split("\n").map((line) => {
      const [dash, name, value, ...more] = line.split(" ");
      if (dash !== "—" || value === undefined || more.length > 0) throw new Wrong(`a signature line of ${what} is none`);
      return { name, value: fromBase64(value, `a signature of ${what}`) };
    });
    return { text: note.slice(0, cut + 1), lines };
  }

  const linesOf = ({ lines }, key) => lines.filter(({ name, value }) => name === key.name && hex(value.slice(0, 4)) === hex(key.id));

  // Whether one of the lines is the key's; Wrong for one that is and does not hold.
  async function isSignedBy(note, key, what) {
    const mine = linesOf(note, key);
    for (const { value } of mine) {
      if (!await signed(key, value.slice(4), bytes(note.text))) throw new Wrong(`the signature of ${what} does not hold: somebody changed it`);
    }
    return mine.length > 0;
  }

  // The head that one of the log's keys has signed, the last of them the one in force, and who cosigned it.
  async function head(checkpoint, trust, keys) {
    const note = parted(checkpoint, "the checkpoint");
    const [origin, size, root, end, ...more] = note.text.split("\n");
    if (end !== "" || more.length > 0 || !/^(0|[1-9][0-9]{0,14})$/.test(size)) throw new Wrong("the checkpoint is not a signed note of three lines");
    const key = keys.at(-1);
    const by = [];
    for (const one of keys) if (await isSignedBy(note, one, "the checkpoint")) by.push(one);
    if (by.length === 0) throw new Wrong(`the checkpoint is not signed by ${key.name} with that key`);
    if (origin !== key.name) throw new Wrong("the checkpoint is of another log");
    const cosigned = new Map();
    for (const [called, witness] of trust.witnesses) {
      for (const { value } of linesOf(note, witness)) cosigned.set(called, { name: witness.name, at: await cosignedAt(note, witness, value) });
    }
    if (trust.quorum !== null && !hasWitnessed(trust, cosigned)) {
      const who = [...cosigned.values()].map(({ name }) => name).join(", ") || "none of its witnesses";
      throw new Wrong(`the policy's quorum has not cosigned this head: ${who} did`);
    }
    return { origin, size: Number(size), root: fromBase64(root, "the checkpoint's root"), cosigned: [...cosigned.values()], byEarlier: !by.includes(key) };
  }

  async function cosignedAt(note, witness, value) {
    const at = new DataView(value.buffer, value.byteOffset).getBigUint64(4);
    if (value.length !== 76 || !await signed(witness, value.slice(12), bytes(`cosignature/v1\ntime ${at}\n${note.text}`))) {
      throw new Wrong(`the cosignature of ${witness.name} does not hold: somebody changed it`);
    }
    if (at < 1n || at > LATEST) throw new Wrong(`the cosignature of ${witness.name} states no time`);
    return Number(at) * 1000;
  }

  // A group names only what stands before it.
  function hasWitnessed({ groups, quorum }, cosigned) {
    const done = new Set(cosigned.keys());
    for (const [name, { needed, members }] of groups) if (members.filter((one) => done.has(one)).length >= needed) done.add(name);
    return done.has(quorum);
  }

  // Whether two halves of honest witnesses could cosign two trees that both meet the policy.
  function letsTwoPass({ witnesses, groups, quorum }) {
    const both = new Map([...witnesses.keys()].map((name) => [name, false]));
    for (const [name, { needed, members }] of groups) both.set(name, members.length + members.filter((one) => both.get(one)).length >= 2 * needed);
    return quorum === null || both.get(quorum);
  }

  return { pinned, from, parted, isSignedBy, head, letsTwoPass };
})();
