"use strict";
// When the history stood, and the export was made: stamped heads and the seal (docs/formats/export.md §6, log.md §6).
const Stamps = (() => {
  const { Wrong, bytes, hash, same, fromHex, fromBase64, included, proofParts } = Checks;
  const ALONE = { witnesses: new Map(), quorum: null };

  // RFC 9162 §2.1.4.2: that the tree of `head` begins with that of `old`.
  function requireBeginning(old, head, path, where) {
    if (old.size === head.size) {
      if (path.length > 0 || !same(old.root, head.root)) throw new Wrong(`${where}: two trees of one size`);
      return;
    }
    if (!(old.size > 0 && old.size < head.size)) throw new Wrong(`${where}: a proof of other sizes`);
    let place = old.size - 1;
    let last = head.size - 1;
    const halve = () => { place = Math.floor(place / 2); last = Math.floor(last / 2); };
    while (place % 2 === 1) halve();
    // A perfect smaller tree stands in the larger one as it is: its root begins the proof, and is left out.
    const [first, ...others] = place === 0 ? [old.root, ...path] : path;
    let before = first;
    let after = first;
    for (const other of others) {
      if (last === 0) throw new Wrong(`${where}: the proof is too long`);
      if (place % 2 === 1 || place === last) {
        before = hash(Uint8Array.of(1), other, before);
        after = hash(Uint8Array.of(1), other, after);
        while (place % 2 === 0 && place !== 0) halve();
      } else {
        after = hash(Uint8Array.of(1), after, other);
      }
      halve();
    }
    if (first === undefined || last !== 0 || !same(before, old.root) || !same(after, head.root)) {
      throw new Wrong(`${where}: the larger tree does not begin with the smaller one, a fork`);
    }
  }

  // Every stamped checkpoint below that directory, each of a tree with which the head's begins.
  async function below(directory, files, head, keys) {
    const names = [...files.keys()].filter((name) => name.startsWith(`custody/${directory}/`) && name.endsWith(".checkpoint")).sort();
    const found = [];
    for (const name of names.map((one) => one.slice(0, -".checkpoint".length))) {
      const read = async (ending) => {
        if (!files.has(name + ending)) throw new Wrong(`${name}${ending} is missing`);
        return new Uint8Array(await files.get(name + ending).arrayBuffer());
      };
      const checkpoint = await read(".checkpoint");
      const old = await Trust.head(new TextDecoder().decode(checkpoint), ALONE, keys);
      const said = JSON.parse(new TextDecoder().decode(await read(".json")));
      if (said.old !== old.size || said.new !== head.size) throw new Wrong(`${name}.json is of other trees`);
      requireBeginning(old, head, said.consistency.map(fromHex), `${name}.checkpoint`);
      found.push({ name: `${name}.tsr`, token: await read(".tsr"), over: checkpoint, policy: said.policy ?? null });
    }
    return found;
  }

  // What a time authority's token states, below these roots and under these policies; `here` says what this page could
  // not check of it, `standing` what is known of whether its certificates were revoked. `lists` gives what tells that.
  async function stated({ name, token, over, policy }, { roots, policies, lists }) {
    if (Tokens.isSelfAsserted(token)) {
      throw new Wrong(`${name} is passed off as a time authority's and is self-asserted: a Custos signed it with its own embedded authority, and no third party did`);
    }
    const found = await tokenOf(name, token, over, roots);
    if (found.here !== undefined) return found;
    if (policy !== null && policy !== found.policy) throw new Wrong(`${name} was signed under the policy ${found.policy}, and ${policy} is stated beside it`);
    if (roots.length > 0 && found.root === null) throw new Wrong(`${name} does not prove a time: its certificate leads to none of the roots that were chosen`);
    if (found.root !== null && policies.size > 0 && !policies.has(found.policy)) throw new Wrong(`${name} was signed under the policy ${found.policy}, which is not one that is asked for`);
    return found.root === null ? found : { ...found, standing: await Revocation.standing(found.chain, await lists(), found.at, name) };
  }

  // What the embedded authority stated, whose certificates lie in the export: to an outsider nothing.
  async function asserted({ name, token, over }, own) {
    if (!Tokens.isSelfAsserted(token)) throw new Wrong(`${name} is not marked as self-asserted, and lies where only such tokens do`);
    const found = await tokenOf(name, token, over, own);
    if (found.here === undefined && found.root === null) throw new Wrong(`${name} is not what this Custos signed`);
    return found;
  }

  async function tokenOf(name, token, over, roots) {
    try {
      return await Tokens.verified(token, over, roots);
    } catch (error) {
      if (error instanceof Certificates.NotHere) return { here: error.message };
      throw error instanceof Wrong ? new Wrong(`${name} does not prove a time: ${error.message}`) : error;
    }
  }

  // Whether the seal's statement is signed, over these files, and in the log; and what dates it.
  async function seal(said, document, digest, keys) {
    if (said.v !== "custos/export-seal-file/1") throw new Wrong("the seal is not of version 1");
    const statement = await Statements.verified(said.statement, keys, "custos/export-seal/1", "the seal");
    if (statement.export !== document.export) throw new Wrong("the seal is of another export");
    if (statement.tagmanifest_sha256 !== digest) throw new Wrong("the seal is over another export, or tagmanifest-sha256.txt was changed");
    for (const member of ["matter", "subject", "profile", "made_at"]) {
      if (statement[member] !== document[member]) throw new Wrong(`the seal names another ${member} than custody/export.json`);
    }
    if (said.leaf !== null) {
      const proof = proofParts(said.proof, "the seal");
      const { event } = JSON.parse(said.leaf);
      if (event.type !== "export.made" || event.digests.sha256 !== digest) throw new Wrong("the seal's leaf is not of this export");
      included(said.leaf, proof, await Trust.head(proof.note, ALONE, keys), "the seal");
    }
    const dated = (token, name) => token == null ? null
      : { name, token: fromBase64(token, name), over: bytes(said.statement), policy: said.policy ?? null };
    return { logged: said.leaf !== null, token: dated(said.token, "the seal's token"), own: dated(said.self_asserted, "the seal's self-asserted token") };
  }

  return { below, stated, asserted, seal };
})();
