"use strict";
// What this page says of the export: every check that it can make, and what stays open.
function step(kind, text) { $("steps").append(element("li", kind === "bad" ? `${word("bad")}: ${text}` : kind === "open" ? `${word("open")}: ${text}` : text, { className: kind })); }

let run = 0;
async function verify() {
  const mine = run += 1;
  const said = told.export;
  $("steps").replaceChildren(element("li", word("working")));
  const results = [];
  const say = (kind, text) => results.push([kind, text]);
  try {
    const key = Checks.pinned($("key").value);
    const found = await Checks.head(told.checkpoint, key);
    if (!["custos/export/1", "custos/export/2"].includes(said.v)) throw new Checks.Wrong("the export is not of version 1 or 2");
    if (found.size !== said.log.size || found.origin !== said.log.origin) throw new Checks.Wrong("the checkpoint is not the one of which the export speaks");
    say("good", word("step.head")(found));
    const copies = await checkHistories(found);
    say("good", word("step.history")(copies.events, said.items.length));
    await checkCase(found, copies, say);
    say("good", word("step.details")(copies.hidden));
    await checkFiles(key, copies.made, say);
    say("open", word(told.self_asserted ? "open.selfAsserted" : "open.tokens"));
    say("open", word("open.after"));
  } catch (error) {
    if (error instanceof Checks.Wrong) say("bad", error.message);
    else say("bad", error.message === "no-ed25519" ? word("noEd25519") : `${error}`);
  }
  if (mine !== run) return;
  $("progress").hidden = true;
  $("steps").replaceChildren();
  for (const [kind, text] of results) step(kind, text);
  const wrong = results.some(([kind]) => kind === "bad");
  $("verdict").className = wrong ? "bad" : "good";
  $("verdict").textContent = wrong ? word("bad") : word("ok")(results.filter(([kind]) => kind === "open").length);
  $("steps").dataset.verdict = results.some(([kind]) => kind === "bad") ? "not-verified" : "verified";
  draw();
}

async function checkHistories(found) {
  const listed = new Set(told.withheld.filter(({ what }) => what === "detail").map((one) => `${one.item ?? one.case} ${one.event} ${one.digest}`));
  const hidden = new Set();
  const made = new Map();
  const named = new Set();
  let events = 0;
  for (const line of told.export.items) {
    const { proof } = await load(line.item);
    const history = Histories.ofItem(line, proof, told.checkpoint, found, told.export);
    made.set(line.item, history.made);
    for (const item of history.named) named.add(item);
    events += proof.events.length;
    withheldOf(line.item, proof).forEach((one) => hidden.add(one));
  }
  if (told.export.case_events) withheldOf(told.export.subject, (await load("case")).proof).forEach((one) => hidden.add(one));
  if (hidden.size !== listed.size || [...hidden].some((one) => !listed.has(one))) {
    throw new Checks.Wrong("what is not shown and what is listed as withheld are not the same");
  }
  checkList(named);
  return { events, hidden: hidden.size, made };
}

// Each event that is shown without its detail, as the list of what is withheld names it.
const withheldOf = (subject, proof) => proof.events.filter(({ detail }) => detail === null).map((one) => {
  const { event } = JSON.parse(one.leaf);
  return `${subject} ${event.id} ${event.detail}`;
});

// The case's own history; exports of version 1 do not hold it.
async function checkCase(found, copies, say) {
  const said = told.export;
  if (said.matter !== "case") {
    if (said.case_events) throw new Checks.Wrong("an export of one item holds the history of a case");
    return;
  }
  if (said.v === "custos/export/1") {
    say("open", word("open.noCase"));
    return;
  }
  if (!said.case_events) throw new Checks.Wrong("the history of the case is missing");
  const history = Histories.ofCase((await load("case")).proof, told.checkpoint, found, said);
  const listed = told.withheld.filter(({ what }) => what === "event").map(({ leaf }) => leaf);
  if (canonical(listed.sort()) !== canonical(history.closed.map(({ hash }) => hash).sort())) {
    throw new Checks.Wrong("the events of the case that are closed are not those that are listed");
  }
  say("good", word("step.case")(history));
  if (history.closed.length > 0) say("open", word("open.closed")(history.closed.length));
  if (history.beyond.length > 0) say("open", word("open.beyond")(history.beyond.join(", ")));
}

// The items of the export are those that it was asked for with, and its counts are theirs.
function checkList(named) {
  const { items, disposed, counts } = told.export;
  const all = [...items, ...disposed].map(({ item }) => item);
  if (all.length !== named.size || all.some((item) => !named.has(item))) {
    throw new Checks.Wrong("the export has another list of items than was asked for");
  }
  const shown = items.filter(({ original }) => original !== null).length;
  const listed = { held: all.length, shown, withheld: items.length - shown, missing: disposed.length };
  if (canonical(counts) !== canonical(listed)) throw new Checks.Wrong("the export counts its items otherwise than it lists them");
}

async function checkFiles(key, made, say) {
  const chosen = [...$("folder").files];
  if (chosen.length === 0) {
    say("open", word("open.files"));
    say("open", word("open.seal"));
    return;
  }
  // The folder may be the export's own or the one around it.
  const top = chosen.find(({ webkitRelativePath }) => webkitRelativePath.endsWith("/bagit.txt"))?.webkitRelativePath.slice(0, -9) ?? "";
  const found = new Map(chosen.filter(({ webkitRelativePath }) => webkitRelativePath.startsWith(top)).map((file) => [file.webkitRelativePath.slice(top.length), file]));
  const progress = $("progress");
  Object.assign(progress, { hidden: false, value: 0, max: [...found.values()].reduce((sum, file) => sum + file.size, 0) });
  const digests = await Checks.files(found, (count) => { progress.value += count; });
  say("good", word("step.files")(digests.size));
  await checkShown(found);
  const { items } = told.export;
  const late = items.filter(({ events }) => events.first > 0);
  let copies = 0;
  for (const line of items) {
    if (line.original !== null && digests.get(line.original) !== line.sha256) throw new Checks.Wrong(`${line.original} is not the file that was ingested`);
    for (const path of line.renditions) {
      if (line.events.first > 0) continue;
      copies += 1;
      if (!made.get(line.item).has(digests.get(path))) throw new Checks.Wrong(`${path} is not a copy of which the log says that it was made`);
    }
  }
  say("good", word("step.originals")(items.filter(({ original, events }) => original !== null && events.first === 0).length, copies));
  if (late.length > 0) say("open", word("open.beginning")(late.map(({ item }) => item).join(", ")));
  const [seal] = $("seal").files;
  if (!seal) {
    say("open", word("open.seal"));
    return;
  }
  const logged = await Checks.seal(JSON.parse(await seal.text()), told.export, digests.get("tagmanifest-sha256.txt"), key);
  say("good", word("step.seal")(logged));
}

// What this page shows came from its data files; they have to say what the documents of the export say.
async function checkShown(found) {
  const text = async (name) => {
    if (!found.has(name)) throw new Checks.Wrong(`${name} is missing`);
    return JSON.parse(await found.get(name).text());
  };
  const equal = (one, other) => canonical(one) === canonical(other);
  if (!equal(await text("custody/export.json"), told.export)) throw new Checks.Wrong("this page shows another export than custody/export.json");
  if (told.export.case_events && !equal(await text("custody/proofs/case.json"), (await load("case")).proof)) {
    throw new Checks.Wrong("this page shows the history of the case otherwise than custody/proofs/case.json");
  }
  for (const { item } of told.export.items) {
    const { document: about, proof } = await load(item);
    if (!equal(await text(`custody/proofs/${item}.json`), proof) || !equal(await text(`metadata/items/${item}.json`), about)) {
      throw new Checks.Wrong(`this page shows ${item} otherwise than its documents`);
    }
  }
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

$("check").onclick = verify;
$("key").onchange = verify;
$("folder").onchange = verify;
$("seal").onchange = verify;
