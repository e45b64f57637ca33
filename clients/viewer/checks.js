"use strict";
// What all checks rest on: bytes, digests, Ed25519, paths in the tree, and the files of the bag. Each check returns what
// it proved, or throws Wrong with what is not as it has to be. Nothing here asks a server.
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
      const said = atob(text);
      if (btoa(said) !== text) throw new Wrong(what);
      return Uint8Array.from(said, (one) => one.charCodeAt(0));
    } catch {
      throw new Wrong(`${what}: not base64`);
    }
  }

  const fromBase64url = (text, what) => {
    const plain = text.replaceAll("-", "+").replaceAll("_", "/");
    return fromBase64(plain + "=".repeat((4 - (plain.length % 4)) % 4), what);
  };

  // What these bytes are in DER, some being the PEM of it.
  function fromPemOr(data, kind) {
    if (data[0] !== 0x2d) return data;
    const [, inner] = new RegExp(`^-----BEGIN ${kind}-----([A-Za-z0-9+/=\\s]+)-----END ${kind}-----\\s*$`).exec(new TextDecoder().decode(data)) ?? [];
    return fromBase64((inner ?? "-").replace(/\s/g, ""), kind);
  }

  async function signed(key, signature, message) {
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.raw, "Ed25519", false, ["verify"]);
    } catch {
      throw new Error("no-ed25519");
    }
    return crypto.subtle.verify("Ed25519", imported, signature, message);
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

  // The one form of a value, in which two are compared.
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }

  return { Wrong, canonical, bytes, hex, hash, same, fromHex, fromBase64, fromBase64url, fromPemOr, signed, proofParts, leadsTo, included, files };
})();
