// Runs the page's own reader of tokens over what it is given, and prints what it says of each, as JSON.
// Argument: a file with a JSON list of {answer, data (both in base64), roots (PEM)}, which may have lists of revocation
// and answers (name and base64), and `at` at which they have to speak (the token's own time); or of {signer, held, roots (PEM), at} where certificates
// alone are judged; or of {receipts (each by its path), key, items, proofs} of an export.
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import vm from "node:vm";

globalThis.crypto ??= webcrypto;
const viewer = new URL("../../../clients/viewer/", import.meta.url);
for (const name of ["sha256", "checks", "trust", "statements", "der", "certificates", "revocation", "answers", "tokens"]) {
  vm.runInThisContext(readFileSync(new URL(`${name}.js`, viewer), "utf-8"), { filename: name });
}
const judge = vm.runInThisContext(`async ({ answer, data, roots, signer, held, at, lists, answers, receipts, key, items, proofs }) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  try {
    if (receipts) {
      const files = new Map(Object.entries(receipts).map(([name, text]) => [name, { text: async () => text }]));
      return await Statements.receipts(files, [Trust.pinned(key)], items, async (item) => proofs[item]);
    }
    if (signer) {
      const [one] = Certificates.fromPem(signer);
      Certificates.requireTimeStamping(one);
      return { root: (await Certificates.wayUp(one, held.flatMap(Certificates.fromPem), roots.flatMap(Certificates.fromPem), at))?.root.name ?? null };
    }
    const { chain, ...found } = await Tokens.verified(bytes(answer), bytes(data), roots.flatMap(Certificates.fromPem));
    if (!lists) return found;
    const each = (given, read) => (given ?? []).map(([name, data]) => read(name, bytes(data)));
    const kept = { lists: each(lists, Revocation.listOf), answers: each(answers, Answers.answerOf) };
    const { isUnrevoked, ofNoUse, unread } = await Revocation.standing(chain, kept, at ?? found.at, "the token");
    return { unrevoked: isUnrevoked, ofNoUse, unread };
  } catch (error) {
    if (error instanceof Checks.Wrong) return { wrong: error.message };
    if (error instanceof Certificates.NotHere) return { here: error.message };
    return { crashed: String(error.stack) };
  }
}`);
const found = [];
for (const one of JSON.parse(readFileSync(process.argv[2], "utf-8"))) found.push(await judge(one));
console.log(JSON.stringify(found));
