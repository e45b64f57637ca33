"use strict";
// What an export proves, checked in the browser from docs/formats/export.md and log.md. Each check returns what it
// proved, or throws Wrong with what is not as it has to be. Nothing here asks a server.
const Checks = (() => {
  class Wrong extends Error {}

  const bytes = (text) => new TextEncoder().encode(text);
  const hex = (data) => Array.from(data, (one) => one.toString(16).padStart(2, "0")).join("");
  const hash = (...parts) => parts.reduce((made, part) => made.update(part), new Sha256()).digest();
  const same = (one, other) => one.length === other.length && one.every((value, place) => value === other[place]);

  function fromHex(text) {
    if (!/^([0-9a-f]{2})*$/.test(text)) throw new Wrong("not hex");
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }

  function fromBase64(text, what) {
    try {
      const data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
      if (btoa(String.fromCharCode(...data)) !== text) throw new Wrong(what);
      return data;
    } catch {
      throw new Wrong(`${what}: not base64`);
    }
  }

  const fromBase64url = (text, what) => {
    const plain = text.replaceAll("-", "+").replaceAll("_", "/");
    return fromBase64(plain + "=".repeat((4 - (plain.length % 4)) % 4), what);
  };

  async function signed(key, signature, message) {
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.raw, "Ed25519", false, ["verify"]);
    } catch {
      throw new Error("no-ed25519");
    }
    return crypto.subtle.verify("Ed25519", imported, signature, message);
  }

  // name+id+base64 of 0x01 and the key: c2sp.org/signed-note
  function pinned(text) {
    const at = text.trim().split("+");
    if (at.length < 3) throw new Wrong("the key is not of the form name+id+key");
    const [name, id] = at;
    const material = fromBase64(at.slice(2).join("+"), "the key");
    if (material.length !== 33 || material[0] !== 1) throw new Wrong("the key is no Ed25519 key");
    const own = hash(bytes(`${name}\n`), material).slice(0, 4);
    if (hex(own) !== id) throw new Wrong("the key's identifier does not belong to it");
    return { name, id: own, raw: material.slice(1) };
  }

  async function head(note, key) {
    const cut = note.lastIndexOf("\n\n");
    const text = note.slice(0, cut + 1);
    const lines = text.split("\n");
    if (cut < 0 || lines.length !== 4) throw new Wrong("the checkpoint is not a signed note of three lines");
    const marks = note.slice(cut + 2).split("\n").slice(0, -1).map((line) => line.split(" "));
    let held = false;
    for (const [dash, name, value] of marks) {
      if (dash !== "—" || name !== key.name) continue;
      const signature = fromBase64(value, "a signature of the checkpoint");
      if (!same(signature.slice(0, 4), key.id)) continue;
      if (!await signed(key, signature.slice(4), bytes(text))) {
        throw new Wrong("the checkpoint's signature does not hold: somebody changed it");
      }
      held = true;
    }
    if (!held) throw new Wrong(`the checkpoint is not signed by ${key.name} with that key`);
    if (lines[0] !== key.name || !/^(0|[1-9][0-9]*)$/.test(lines[1])) throw new Wrong("the checkpoint is of another log");
    return { origin: lines[0], size: Number(lines[1]), root: fromBase64(lines[2], "the checkpoint's root") };
  }

  // RFC 9162 §2.1.3.2
  function rootFrom(leaf, number, size, path) {
    if (!(number >= 0 && number < size)) throw new Wrong("a leaf lies outside the tree");
    let at = number;
    let last = size - 1;
    let made = leaf;
    for (const other of path) {
      if (last === 0) throw new Wrong("a proof is longer than the tree is high");
      if (at % 2 === 1 || at === last) {
        made = hash(Uint8Array.of(1), other, made);
        while (at % 2 === 0 && at !== 0) { at = Math.floor(at / 2); last = Math.floor(last / 2); }
      } else {
        made = hash(Uint8Array.of(1), made, other);
      }
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    if (last !== 0) throw new Wrong("a proof is shorter than the tree is high");
    return made;
  }

  function proofParts(text, where) {
    const cut = text.indexOf("\n\n");
    const [first, index, ...path] = text.slice(0, cut).split("\n");
    if (first !== "c2sp.org/tlog-proof@v1" || !/^index (0|[1-9][0-9]*)$/.test(index ?? "")) {
      throw new Wrong(`${where}: its proof is none`);
    }
    return { number: Number(index.slice(6)), path: path.map((one) => fromBase64(one, where)), note: text.slice(cut + 2) };
  }

  function leadsTo(made, proof, found, where) {
    if (!same(rootFrom(made, proof.number, found.size, proof.path), found.root)) {
      throw new Wrong(`${where}: its leaf is not the one that is in the signed tree`);
    }
    return made;
  }

  const included = (leaf, proof, found, where) => leadsTo(hash(Uint8Array.of(0), bytes(leaf)), proof, found, where);

  const listed = (text) => new Map(text.split("\n").slice(0, -1).map((line) => [line.slice(66), line.slice(0, 64)]));

  // Every file of the bag against its manifests. `open` gives a file's pieces, `progress` hears of bytes.
  async function files(found, progress) {
    const read = async (name) => {
      if (!found.has(name)) throw new Wrong(`${name} is missing`);
      return new TextDecoder().decode(await found.get(name).arrayBuffer());
    };
    const tags = listed(await read("tagmanifest-sha256.txt"));
    const payload = listed(await read("manifest-sha256.txt"));
    const digests = new Map();
    const wanted = [...tags, ...payload];
    for (const name of found.keys()) {
      if (!tags.has(name) && !payload.has(name) && !name.startsWith("tagmanifest-")) {
        throw new Wrong(`${name} stands in no manifest: it was added`);
      }
    }
    for (const [name, digest] of wanted) {
      if (!found.has(name)) throw new Wrong(`${name} is missing`);
      const made = new Sha256();
      const reader = found.get(name).stream().getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        made.update(piece.value);
        progress(piece.value.length);
      }
      const is = hex(made.digest());
      if (is !== digest) throw new Wrong(`${name} was changed: its sha256 is not the one in the manifest`);
      digests.set(name, is);
    }
    digests.set("tagmanifest-sha256.txt", hex(hash(bytes(await read("tagmanifest-sha256.txt")))));
    return digests;
  }

  async function seal(said, document, digest, key) {
    if (said.v !== "custos/export-seal-file/1") throw new Wrong("the seal is not of version 1");
    const parts = said.statement.split(".");
    const header = JSON.parse(new TextDecoder().decode(fromBase64url(parts[0], "the seal")));
    if (parts.length !== 3 || header.alg !== "Ed25519" || header.typ !== "custos-statement+jws") {
      throw new Wrong("the seal is not signed the way this version of Custos signs");
    }
    if (!await signed(key, fromBase64url(parts[2], "the seal"), bytes(`${parts[0]}.${parts[1]}`))) {
      throw new Wrong("the seal's signature is wrong: it was changed or forged");
    }
    const statement = JSON.parse(new TextDecoder().decode(fromBase64url(parts[1], "the seal")));
    if (statement.v !== "custos/export-seal/1" || statement.export !== document.export) throw new Wrong("the seal is of another export");
    if (statement.tagmanifest_sha256 !== digest) throw new Wrong("the seal is over another export, or tagmanifest-sha256.txt was changed");
    if (said.leaf === null) return false;
    const proof = proofParts(said.proof, "the seal");
    const { event } = JSON.parse(said.leaf);
    if (event.type !== "export.made" || event.digests.sha256 !== digest) throw new Wrong("the seal's leaf is not of this export");
    included(said.leaf, proof, await head(proof.note, key), "the seal");
    return true;
  }

  return { Wrong, bytes, hex, hash, fromHex, pinned, head, proofParts, leadsTo, included, files, seal };
})();
