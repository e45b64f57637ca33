"use strict";
// Shows an export from a disk, without a network, and says what it proves.
const $ = (id) => document.getElementById(id);
let language = navigator.language.startsWith("zh") ? "zh-CN" : "en";
let told = null;
let shown = null;
const loaded = new Map();
const waiting = new Map();

const word = (key) => WORDS[language][key];

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  Object.assign(made, attributes);
  return made;
}

const facts = (list, pairs) => list.replaceChildren(
  ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [element("dt", word(name) ?? name), element("dd", String(value))]),
);

// The data files call these; a page from a disk may load a script and read nothing else.
function custosExport(data) {
  told = data;
  $("key").value = data.key ?? "";
  draw();
  verify();
}

function custosItem(data) {
  loaded.set(data.item, data);
  waiting.get(data.item)?.(data);
}

function load(item) {
  if (loaded.has(item)) return Promise.resolve(loaded.get(item));
  return new Promise((resolve, reject) => {
    waiting.set(item, resolve);
    const script = element("script", "", { src: `data/${item}.js` });
    script.onerror = () => reject(new Checks.Wrong(`viewer/data/${item}.js is missing`));
    document.head.append(script);
  });
}

function draw() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  $("language").textContent = word("language");
  $("title").textContent = word("title");
  $("whose").textContent = $("key").value.trim() === told.key ? word("keyOwn") : "";
  const { export: said, case: file } = told;
  $("subtitle").textContent = file?.number ?? "";
  const gaps = said.missing_segments.map((one) => `${one.device} ${one.recording}: ${one.segments.map((run) => [...new Set(run)].join("–")).join(", ")}`);
  facts($("about"), [
    ["number", file?.number], ["matter", file?.detail?.title], ["parties", file?.detail?.parties.join("、")], ["place", file?.detail?.place],
    ["profile", word(`profile.${said.profile}`)], ["made", `${said.made_at} (${said.time_source})`], ["of", said.export],
    ["items", word("counts")(said.counts)], ["segments", gaps.join("; ")],
  ]);
  $("list").replaceChildren(...said.items.map(({ item, size }) => {
    const name = loaded.get(item)?.document.submitted.filename ?? item;
    const button = element("button", `${name} · ${size.toLocaleString(language)}`, { type: "button", onclick: () => show(item) });
    button.setAttribute("aria-current", String(item === shown));
    const entry = element("li");
    entry.append(button);
    return entry;
  }));
  if (shown !== null) drawItem(loaded.get(shown));
}

async function show(item) {
  await load(item);
  shown = item;
  draw();
}

// What the browser shows best: the copy for playing, a preview, else the original.
function player(document_) {
  const order = ["playable", "preview", "original"];
  const [best] = document_.sent.filter(({ kind }) => order.includes(kind)).sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  if (!best) return element("p", word("withheld"));
  const kind = best.media_type.split("/")[0];
  const tag = { video: "video", audio: "audio", image: "img" }[kind];
  if (!tag) return element("p", word("noPlayer"));
  const made = element(tag, "", { src: `../${best.path}` });
  if (tag !== "img") Object.assign(made, { controls: true, preload: "metadata" });
  made.onerror = () => made.replaceWith(element("p", word("noPlayer")));
  return made;
}

function drawItem({ document: about, proof }) {
  $("item").hidden = false;
  if ($("item").dataset.item !== about.item) $("player").replaceChildren(player(about));
  $("item").dataset.item = about.item;
  $("item-name").textContent = about.submitted.filename;
  facts($("facts"), [
    ["name", about.submitted.filename], ["size", about.size.toLocaleString(language)], ["SHA-256", about.digests.sha256],
    ["device", about.submitted.device], ["received", about.committed_at], ["locked", about.locked_until], ["kept", about.keep_until],
    ["original", about.sent.find(({ kind }) => kind === "original")?.path ?? word("withheld")],
  ]);
  $("events").replaceChildren(...(proof?.events ?? []).map(drawEvent));
}

function drawEvent({ leaf, detail }) {
  const { event } = JSON.parse(leaf);
  const row = element("tr");
  const who = event.agent === null ? word("system") : told.agents[event.agent] ?? `${word("someone")} ${event.agent.slice(0, 8)}`;
  const name = EVENTS[event.type]?.[language === "en" ? 0 : 1] ?? event.type;
  row.append(...[event.time.slice(0, 19).replace("T", " "), name, who, event.outcome].map((text) => element("td", text)));
  const cell = element("td");
  if (detail === null) {
    const why = told.withheld.find((one) => one.event === event.id)?.why;
    cell.textContent = word(why === "not-kept" ? "notKept" : "withheld");
  } else if (detail !== "{}") {
    const more = element("details");
    more.append(element("summary", word("detail")), element("pre", JSON.stringify(JSON.parse(detail), null, 1)));
    cell.append(more);
  }
  row.append(cell);
  return row;
}

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
    if (found.size !== said.log.size || found.origin !== said.log.origin) throw new Checks.Wrong("the checkpoint is not the one of which the export speaks");
    say("good", word("step.head")(found));
    const copies = await checkHistories(found);
    say("good", word("step.history")(copies.events, said.items.length));
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
  const listed = new Set(told.withheld.filter(({ what }) => what === "detail").map(({ item, event, digest }) => `${item} ${event} ${digest}`));
  const hidden = new Set();
  const made = new Map();
  const named = new Set();
  let events = 0;
  for (const line of told.export.items) {
    const { proof } = await load(line.item);
    const history = Checks.history(line.item, line, proof, told.checkpoint, found, told.export);
    made.set(line.item, history.made);
    for (const item of history.named) named.add(item);
    events += proof.events.length;
    for (const one of proof.events.filter(({ detail }) => detail === null)) {
      const { event } = JSON.parse(one.leaf);
      hidden.add(`${line.item} ${event.id} ${event.detail}`);
    }
  }
  if (hidden.size !== listed.size || [...hidden].some((one) => !listed.has(one))) {
    throw new Checks.Wrong("what is not shown and what is listed as withheld are not the same");
  }
  checkList(named);
  return { events, hidden: hidden.size, made };
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

$("language").onclick = () => {
  language = language === "en" ? "zh-CN" : "en";
  draw();
  verify();
};
$("check").onclick = verify;
$("key").onchange = verify;
$("folder").onchange = verify;
$("seal").onchange = verify;
