"use strict";
// What this page says of the export: every check that it can make, and what stays open.
function step(kind, text) { $("steps").append(element("li", kind === "bad" ? `${word("bad")}: ${text}` : kind === "open" ? `${word("open")}: ${text}` : text, { className: kind })); }

const { canonical } = Checks;

let run = 0;
async function verify() {
  const mine = run += 1;
  const said = told.export;
  $("steps").replaceChildren(element("li", word("working")));
  const results = [];
  const say = (kind, text) => results.push([kind, text]);
  try {
    if (!["custos/export/1", "custos/export/2"].includes(said.v)) throw new Checks.Wrong("the export is not of version 1 or 2");
    const trust = Trust.from($("key").value);
    const pinned = trust.log(told.checkpoint.split("\n")[0]);
    const keys = told.keys ? await KeyChain.from(pinned, told.keys) : [pinned];
    const head = await Trust.head(told.checkpoint, trust, keys);
    if (head.size !== said.log.size || head.origin !== said.log.origin) throw new Checks.Wrong("the checkpoint is not the one of which the export speaks");
    sayHead(head, trust, keys, pinned, say);
    const copies = await checkHistories(head);
    say("good", word("step.history")(copies.events, said.items.length));
    await checkCase(head, say);
    say("good", word("step.details")(copies.hidden));
    await checkFiles({ head, keys, roots: await rootsChosen(), policies: trust.timePolicies }, copies.made, say);
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

// Who signed the head, by which key, and what that leaves open.
function sayHead(head, trust, keys, pinned, say) {
  say("good", word("step.head")(head));
  if (keys.length > 1) say("good", word("step.keys")(keys.length - 1, pinned.text === keys.at(-1).text));
  if (head.byEarlier) say("open", word("open.earlierKey"));
  if (head.cosigned.length === 0) say("open", word(trust.quorum === null ? "open.others" : "open.noWitness"));
  else if (Trust.letsTwoPass(trust)) say("open", word("open.twoHalves"));
}

async function rootsChosen() {
  const texts = await Promise.all([...$("root").files].map((file) => file.text()));
  return texts.flatMap(Certificates.fromPem);
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
async function checkCase(found, say) {
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

async function checkFiles(log, made, say) {
  const chosen = [...$("folder").files];
  if (chosen.length === 0) {
    say("open", word("open.files"));
    say("open", word("open.seal"));
    say("open", word(told.self_asserted ? "open.selfAsserted" : "open.noTokens"));
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
  const receipts = await Statements.receipts(found, log.keys, items, async (item) => (await load(item)).proof);
  say("good", word("step.receipts")(receipts.count));
  if (receipts.early > 0) say("open", word("open.receipts")(receipts.early));
  const seal = await sealChosen();
  const times = { ...log, lists: listsOf(found, seal) };
  await checkStamps(found, times, say);
  await checkSeal(found, seal, digests, times, say);
}

async function sealChosen() {
  const [chosen] = $("seal").files;
  return chosen ? JSON.parse(await chosen.text()) : null;
}

// Every revocation list and answer in the export and in its seal, and those that were chosen besides; read once, when a
// token needs them.
function listsOf(files, seal) {
  let found;
  return () => found ??= (async () => {
    const sealed = (seal?.revocation ?? []).map((one, place) => ({ ...one, number: place + 1 }));
    const each = async (kind, called, read) => {
      const names = [...files.keys()].filter((name) => name.startsWith("custody/stamps/") && name.endsWith(`.${kind}`)).sort();
      const kept = await Promise.all(names.map(async (name) => read(name, new Uint8Array(await files.get(name).arrayBuffer()))));
      const named = sealed.filter((one) => one.kind === kind).map(({ number, data }) => [`${called} ${number} of the seal`, data]);
      return [...kept, ...named.map(([name, data]) => read(name, Checks.fromBase64(data, name)))];
    };
    const kept = { lists: await each("crl", "revocation list", Revocation.listOf), answers: await each("ocsp", "OCSP answer", Answers.answerOf) };
    for (const file of $("lists").files) {
      const data = new Uint8Array(await file.arrayBuffer());
      if (Answers.isAnswer(data)) kept.answers.push(Answers.answerOf(file.name, data));
      else kept.lists.push(Revocation.listOf(file.name, data));
    }
    return kept;
  })();
}

const second = (at) => new Date(at).toISOString().slice(0, 19).replace("T", " ");

// The heads that were stamped, by time authorities and by this Custos itself.
async function checkStamps(files, trusted, say) {
  const { head, keys } = trusted;
  const stamped = await Stamps.below("stamps", files, head, keys);
  const own = await Stamps.below("self-asserted", files, head, keys);
  if (stamped.length > 0) {
    say("good", word("step.stamped")(stamped.length));
    const times = [];
    for (const one of stamped) times.push(await Stamps.stated(one, trusted));
    sayTimes(times, say);
  } else if (own.length === 0) {
    say("open", word("open.noStamps"));
  }
  if (own.length > 0) {
    const times = [];
    for (const one of own) times.push(await Stamps.asserted(one, await ownAuthority(files)));
    say("good", word("step.own")(own.length));
    sayOwn(times, say);
  }
}

async function ownAuthority(files) {
  const name = "custody/self-asserted/authority.pem";
  if (!files.has(name)) throw new Checks.Wrong(`${name} is missing`);
  return Certificates.fromPem(await files.get(name).text());
}

// What tokens of time authorities state: proven below a root that was chosen, else their own certificates' word.
function sayTimes(times, say) {
  const read = times.filter(({ here }) => here === undefined);
  if (read.length > 0) {
    const [first, last] = [Math.min, Math.max].map((one) => second(one(...read.map(({ at }) => at))));
    const said = { count: read.length, first, last, authority: [...new Set(read.map(({ authority }) => authority))].join(", ") };
    const { root } = read[0];
    // Without a root anybody may have made the certificate, and the time with it.
    say(root === null ? "open" : "good", word(root === null ? "open.tokens" : "step.dated")({ ...said, root }));
    if (root !== null) sayRevocation(read, say);
  }
  for (const { here } of times) if (here !== undefined) say("open", word("open.here")(here));
}

// Whether the certificates of tokens below a root were revoked, as far as lists and answers of that time are here.
function sayRevocation(times, say) {
  const missing = times.filter(({ standing }) => !standing.isUnrevoked);
  if (missing.length < times.length) say("good", word("step.unrevoked")(times.length - missing.length));
  const why = [...new Set(missing.flatMap(({ standing }) => standing.ofNoUse))];
  const shown = why.length <= Revocation.MOST_TOLD ? why : [...why.slice(0, Revocation.MOST_TOLD), "…"];
  if (missing.length > 0) say("open", word("open.revoked")(missing.length) + (why.length > 0 ? ` (${shown.join(", ")})` : ""));
  for (const what of new Set(times.flatMap(({ standing }) => standing.unread))) say("open", word("open.list")(what));
}

function sayOwn(times, say) {
  const read = times.filter(({ here }) => here === undefined).map(({ at }) => at);
  say("open", read.length > 0 ? word("open.ownTime")(second(Math.min(...read)), second(Math.max(...read))) : word("open.selfAsserted"));
}

async function checkSeal(files, chosen, digests, trusted, say) {
  if (chosen === null) {
    say("open", word("open.seal"));
    return;
  }
  const seal = await Stamps.seal(chosen, told.export, digests.get("tagmanifest-sha256.txt"), trusted.keys);
  say("good", word("step.seal")(seal.logged));
  const ofSeal = (kind, text) => say(kind, word("theSeal") + text);
  if (seal.token !== null) sayTimes([await Stamps.stated(seal.token, trusted)], ofSeal);
  else if (seal.own !== null) sayOwn([await Stamps.asserted(seal.own, await ownAuthority(files))], ofSeal);
  else say("open", word("open.sealTime"));
}

// What this page shows came from its data files; they have to say what the documents of the export say.
async function checkShown(found) {
  const text = async (name) => {
    if (!found.has(name)) throw new Checks.Wrong(`${name} is missing`);
    return JSON.parse(await found.get(name).text());
  };
  const equal = (one, other) => canonical(one) === canonical(other);
  if (!equal(await text("custody/export.json"), told.export)) throw new Checks.Wrong("this page shows another export than custody/export.json");
  if (!equal((await text("custody/withheld.json")).withheld, told.withheld)) throw new Checks.Wrong("this page shows other things as withheld than custody/withheld.json");
  if (await found.get("custody/checkpoint")?.text() !== told.checkpoint) throw new Checks.Wrong("this page was given another head than custody/checkpoint");
  if (told.keys && !equal(await text("custody/log-keys.json"), told.keys)) throw new Checks.Wrong("this page was given other keys than custody/log-keys.json");
  if (!equal(await text("metadata/agents.json"), told.agents)) throw new Checks.Wrong("this page shows other names than metadata/agents.json");
  if (told.case && !equal(await text("metadata/case.json"), told.case)) throw new Checks.Wrong("this page shows the case otherwise than metadata/case.json");
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

$("check").onclick = verify;
$("key").onchange = verify;
$("folder").onchange = verify;
$("seal").onchange = verify;
$("root").onchange = verify;
$("lists").onchange = verify;
// A policy that somebody pinned stands where a key stands.
$("policy").onchange = async () => {
  const [file] = $("policy").files;
  if (file) $("key").value = await file.text();
  verify();
};
