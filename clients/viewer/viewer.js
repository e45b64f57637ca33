"use strict";
// Shows an export from a disk, without a network, and says what it proves.
const $ = (id) => document.getElementById(id);
let language = navigator.language.startsWith("zh") ? "zh-CN" : "en";
let told = null;
let shown = null;
const loaded = new Map();
const waiting = new Map();

const word = (key) => WORDS[language][key];

// Characters that act on a reader instead of showing something are written out: a[U+202E]gpj.exe. Names come from others.
const plain = (text) => text.replace(/[^\n\P{C}]|[\p{Zl}\p{Zp}]/gu, (one) => `[U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = plain(text ?? "");
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

function custosCase(data) {
  loaded.set("case", data);
  waiting.get("case")?.(data);
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
  $("subtitle").textContent = plain(file?.number ?? "");
  const gaps = said.missing_segments.map((one) => `${one.device} ${one.recording}: ${one.segments.map((run) => [...new Set(run)].join("–")).join(", ")}`);
  facts($("about"), [
    ["number", file?.number], ["matter", file?.detail?.title], ["parties", file?.detail?.parties.join("、")], ["place", file?.detail?.place],
    ["profile", word(`profile.${said.profile}`)], ["made", `${said.made_at} (${said.time_source})`], ["of", said.export],
    ["items", word("counts")(said.counts)], ["segments", gaps.join("; ")],
  ]);
  const entries = said.items.map(({ item, size }) => entry(item, `${loaded.get(item)?.document.submitted.filename ?? item} · ${size.toLocaleString(language)}`));
  $("list").replaceChildren(...(said.case_events ? [entry("case", word("caseItself"))] : []), ...entries);
  if (shown === "case") drawCase(loaded.get("case"));
  else if (shown !== null) drawItem(loaded.get(shown));
}

function entry(name, text) {
  const button = element("button", text, { type: "button", onclick: () => show(name) });
  button.setAttribute("aria-current", String(name === shown));
  const made = element("li");
  made.append(button);
  return made;
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
  $("item-name").textContent = plain(about.submitted.filename);
  facts($("facts"), [
    ["name", about.submitted.filename], ["size", about.size.toLocaleString(language)], ["SHA-256", about.digests.sha256],
    ["device", about.submitted.device], ["received", about.committed_at], ["locked", about.locked_until], ["kept", about.keep_until],
    ["original", about.sent.find(({ kind }) => kind === "original")?.path ?? word("withheld")],
  ]);
  $("events").replaceChildren(...(proof?.events ?? []).map(drawEvent));
}

// What happened to the case itself: its file, its links, who worked on it.
function drawCase({ proof }) {
  $("item").hidden = false;
  $("item").dataset.item = "case";
  $("player").replaceChildren();
  $("item-name").textContent = word("caseItself");
  facts($("facts"), [["number", told.case?.number], ["of-case", told.export.subject]]);
  $("events").replaceChildren(...proof.events.map((one) => one.hash === undefined ? drawEvent(one) : drawClosed()));
}

// The items that an event of the case is about, as people know them.
function itemsOf({ subjects }) {
  const items = subjects.filter(({ kind }) => kind === "item").map(({ id }) => loaded.get(id)?.document.submitted.filename ?? id);
  return items.length > 2 ? [`${items.length}`] : items;
}

function drawClosed() {
  const row = element("tr");
  row.append(element("td", word("closed"), { colSpan: 5, className: "soft" }));
  return row;
}

function drawEvent({ leaf, detail }) {
  const { event } = JSON.parse(leaf);
  const row = element("tr");
  const who = event.agent === null ? word("system") : told.agents[event.agent] ?? `${word("someone")} ${event.agent.slice(0, 8)}`;
  const name = EVENTS[event.type]?.[language === "en" ? 0 : 1] ?? event.type;
  const what = shown === "case" ? [name, ...itemsOf(event)].join(" · ") : name;
  row.append(...[event.time.slice(0, 19).replace("T", " "), what, who, event.outcome].map((text) => element("td", text)));
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

$("language").onclick = () => {
  language = language === "en" ? "zh-CN" : "en";
  draw();
  verify();
};
