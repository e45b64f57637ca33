"use strict";
// What Custos signs as a statement: a compact JWS by Ed25519 over canonical JSON (docs/formats/receipt.md §1, §4). The
// seal of an export is one, and so is each receipt in it.
const Statements = (() => {
  const { Wrong, bytes, hash, hex, fromBase64url, signed } = Checks;
  const RECEIPT = "custos/receipt/1";
  const BELOW = "custody/receipts/";
  const [EVENT, END] = [',"event":', ',"v":"custos/leaf/1"}'];

  // RFC 7638: how a statement names its key.
  const thumbprint = ({ raw }) => {
    const x = btoa(String.fromCharCode(...raw)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return hex(hash(bytes(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));
  };

  function part(text, where) {
    try {
      const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(fromBase64url(text, where)));
      if (found !== null && typeof found === "object" && !Array.isArray(found)) return found;
    } catch (error) {
      if (error instanceof Wrong) throw error;
    }
    throw new Wrong(`${where} does not hold a JSON object`);
  }

  // What the statement says, once one of the log's keys has signed it and it is of that version.
  async function verified(text, keys, version, where) {
    const parts = text.trim().split(".");
    if (parts.length !== 3) throw new Wrong(`${where} is not a compact JWS`);
    const header = part(parts[0], where);
    if (header.alg !== "Ed25519" || header.typ !== "custos-statement+jws") {
      throw new Wrong(`${where} is not signed the way this version of Custos signs`);
    }
    const kid = hex(fromBase64url(`${header.kid}`, where));
    const key = keys.find((one) => thumbprint(one) === kid);
    if (!key) throw new Wrong(`${where} was signed with another key than the log's`);
    if (!await signed(key, fromBase64url(parts[2], where), bytes(`${parts[0]}.${parts[1]}`))) {
      throw new Wrong(`${where}: its signature is wrong, it was changed or forged`);
    }
    const statement = part(parts[1], where);
    if (statement.v !== version) throw new Wrong(`${where} is not a statement ${version}`);
    return statement;
  }

  // The digest by which a receipt names its event: over the event's own bytes, as they stand in the leaf.
  function eventDigest({ leaf }) {
    const at = leaf.indexOf(EVENT);
    if (at < 0 || !leaf.endsWith(END)) throw new Wrong("a leaf is not one of version 1");
    return hex(hash(bytes(leaf.slice(at + EVENT.length, -END.length))));
  }

  // How many receipts the export carries, each signed, and about bytes and an event of an item that is in it; `early`
  // are of events before those that are here.
  async function receipts(files, keys, items, historyOf) {
    const found = new Map(items.map(({ item }) => [item, []]));
    const names = [...files.keys()].filter((name) => name.startsWith(BELOW)).sort();
    for (const name of names) {
      const said = await verified(await files.get(name).text(), keys, RECEIPT, name);
      if (!found.has(said.item)) throw new Wrong(`${name} is about an item that is not in this export`);
      found.get(said.item).push([name, said]);
    }
    let early = 0;
    for (const line of items) {
      const mine = found.get(line.item);
      const digests = new Set(mine.length === 0 ? [] : (await historyOf(line.item)).events.map(eventDigest));
      for (const [name, said] of mine) {
        if (said.digests.sha256 !== line.sha256) throw new Wrong(`${name} is for other bytes than those of ${line.item}`);
        if (digests.has(said.event_digest)) continue;
        if (line.events.first === 0) throw new Wrong(`${name} names an event that is not in the history of ${line.item}`);
        early += 1;
      }
    }
    return { count: names.length, early };
  }

  return { verified, receipts };
})();
