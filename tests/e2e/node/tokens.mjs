// Runs the page's own reader of tokens over what it is given, and prints what it says of each, as JSON.
// Argument: a file with a JSON list of {answer, data (both in base64), roots (PEM)}, which may have lists of revocation
// (name and base64); or of {signer, held, roots (PEM), at} where certificates
// alone are judged; or of {statement (a JWS), key, version, name}.
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import vm from "node:vm";

globalThis.crypto ??= webcrypto;
const viewer = new URL("../../../clients/viewer/", import.meta.url);
for (const name of ["sha256", "checks", "trust", "statements", "der", "certificates", "revocation", "tokens"]) {
  vm.runInThisContext(readFileSync(new URL(`${name}.js`, viewer), "utf-8"), { filename: name });
}
const judge = vm.runInThisContext(`async ({ answer, data, roots, signer, held, at, lists, statement, key, version, name }) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  try {
    if (statement) return await Statements.verified(statement, [Trust.pinned(key)], version, name);
    if (signer) {
      const [one] = Certificates.fromPem(signer);
      Certificates.requireTimeStamping(one);
      return { root: (await Certificates.wayUp(one, held.flatMap(Certificates.fromPem), roots.flatMap(Certificates.fromPem), at))?.root.name ?? null };
    }
    const { chain, ...found } = await Tokens.verified(bytes(answer), bytes(data), roots.flatMap(Certificates.fromPem));
    if (!lists) return found;
    const here = [];
    const read = lists.map(([name, data]) => Revocation.listOf(name, bytes(data)));
    const unrevoked = await Revocation.isUnrevoked(chain, read, found.at, "the token", (what) => here.push(what));
    return { unrevoked, here };
  } catch (error) {
    if (error instanceof Checks.Wrong) return { wrong: error.message };
    if (error instanceof Certificates.NotHere) return { here: error.message };
    return { crashed: String(error.stack) };
  }
}`);
const found = [];
for (const one of JSON.parse(readFileSync(process.argv[2], "utf-8"))) found.push(await judge(one));
console.log(JSON.stringify(found));
