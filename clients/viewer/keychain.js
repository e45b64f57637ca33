"use strict";
// From a pinned key of any age to the one in force: `custos/log-keys/1` (docs/formats/log-keys.md §3).
const KeyChain = (() => {
  const { Wrong, bytes, canonical, hash, hex } = Checks;
  const COMMON = ["v", "log", "seq", "prev", "at", "event"];
  const MEMBERS = {
    "custos/key-rotation/1": [...COMMON, "by", "old", "new", "reason_sha256"],
    "custos/key-recovery/1": [...COMMON, "key", "recovery", "genesis"],
  };

  function said(text, where) {
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      throw new Wrong(`${where} is not one of version 1`);
    }
    const members = MEMBERS[found?.v];
    if (!members || `${canonical(found)}\n` !== text || canonical(Object.keys(found).sort()) !== canonical([...members].sort())) {
      throw new Wrong(`${where} is not one of version 1`);
    }
    return found;
  }

  // Every key that was in force, oldest first, once each statement holds.
  async function verified(document) {
    if (document?.v !== "custos/log-keys/1" || !Array.isArray(document.statements)) throw new Wrong("the document is not one of the log's keys, version 1");
    const chain = { keys: [], recovery: null };
    let before = null;
    for (const [place, text] of document.statements.entries()) {
      const where = `statement ${place + 1} of the keys`;
      const note = Trust.parted(text, where);
      const statement = said(note.text, where);
      if (statement.log !== document.log) throw new Wrong(`${where} is of another log`);
      if (statement.seq !== place + 1 || statement.prev !== before) throw new Wrong(`${where} does not follow the one before it: one is missing, or out of order`);
      await follow(chain, statement, note, where);
      before = hex(hash(bytes(note.text)));
    }
    const keys = chain.keys.length > 0 ? chain.keys : [document.key];
    if (keys.at(-1) !== document.key) throw new Wrong("the chain of keys does not lead to the one that the document says is in force: it is cut");
    return keys.map((one) => Trust.pinned(one));
  }

  async function follow(chain, statement, note, where) {
    const isRotation = statement.v === "custos/key-rotation/1";
    const old = isRotation ? statement.old : statement.key;
    if (chain.keys.length === 0) chain.keys.push(old);
    if (chain.keys.at(-1) !== old) throw new Wrong(`${where} is about a key that was not in force`);
    const require = async (pin, whose) => {
      const key = Trust.pinned(pin);
      if (key.name !== statement.log) throw new Wrong(`${where}: ${whose} is of another log`);
      if (!await Trust.isSignedBy(note, key, where)) throw new Wrong(`${where} is not signed by ${whose}`);
    };
    if (!isRotation) {
      if (chain.recovery !== null) throw new Wrong(`${where} names a second recovery key`);
      await require(old, "the key in force");
      chain.recovery = statement.recovery;
      return;
    }
    if (statement.by === "key") await require(old, "the old key");
    else if (statement.by === "recovery" && chain.recovery !== null) await require(chain.recovery, "the recovery key");
    else throw new Wrong(`${where} is by a key that no statement named`);
    await require(statement.new, "the new key");
    chain.keys.push(statement.new);
  }

  // All keys, the one in force last, if the pinned one is among them.
  async function from(key, document) {
    const keys = await verified(document);
    if (document.statements.length === 0) return [key];
    if (!keys.some(({ text }) => text === key.text)) throw new Wrong("the pinned key is not in the chain of keys");
    return keys;
  }

  return { from };
})();
