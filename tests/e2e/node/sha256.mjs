// Digests of bytes given in pieces, by the viewer's own SHA-256: lengths as arguments, hex on lines.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const source = readFileSync(new URL("../../../clients/viewer/sha256.js", import.meta.url), "utf8");
const Sha256 = runInThisContext(`${source}; Sha256`);
for (const length of process.argv.slice(2).map(Number)) {
  const data = Uint8Array.from({ length }, (_, place) => (place * 31 + 7) % 251);
  const made = new Sha256();
  for (let at = 0; at < length; at += 37) made.update(data.subarray(at, Math.min(length, at + 37)));
  console.log(Buffer.from(made.digest()).toString("hex"));
}
