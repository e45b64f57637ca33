import { offerCaseReports, showCases, showInbox } from "./cases.js";
import { offerExporting } from "./exporting.js";
import { offerFigures } from "./figures.js";
import { offerReviewing } from "./reviewing.js";
import { strings } from "./strings.js";
import { offerTagging } from "./tagging.js";

const $ = (id) => document.getElementById(id);
let language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh-CN" : "en");
let next = null;
let player = null;
let shown = null;

const text = (key) => strings[language][key];

function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  $("language").textContent = text("language");
  $("sign-out").textContent = text("signOut");
}

function say(words) { $("message").textContent = words ?? ""; }

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(text("trouble"));
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.detail ?? text("trouble"));
  error.code = problem.code;
  throw error;
}

const send = (path, body) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

function element(tag, words, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = words;
  Object.assign(made, attributes);
  return made;
}

const time = (stamp) => new Date(stamp).toLocaleString(language);

const clock = (ms) => new Date(ms).toISOString().slice(11, 19);

// How far a recording is that is still being made playable, and how long that still takes.
function making(item) {
  const job = item.jobs.find(({ stage, state }) => stage === "playable" && ["running", "waiting"].includes(state));
  if (!job || item.playable) return "";
  const left = job.seconds_left === null ? "" : ` · ${text("left")} ${Math.ceil(job.seconds_left / 60)} ${text("minutes")}`;
  const until = item.playable_until_ms === null ? "" : `${text("until")} ${clock(item.playable_until_ms)} · `;
  return `${until}${Math.floor(job.progress / 10)} %${left}`;
}

function stateOf(item) {
  if (item.playable) return text("playable");
  if (item.jobs.some((job) => job.state === "failed")) return text("failed");
  if (item.jobs.some((job) => job.state !== "done")) return `${text("working")} ${making(item)}`.trim();
  return text("stored");
}

// When everything that is kept of an item was last read again, and what did not prove.
function fixityOf(fixity) {
  if (!fixity) return "";
  const due = fixity.due === null ? "" : ` · ${text("auditDue")} ${time(fixity.due)}`;
  if (fixity.last_at === null) return text("notYet") + due;
  const failing = fixity.failing.length ? `: ${fixity.failing.join(", ")}` : "";
  return `${text(`audit-${fixity.outcome}`)}${failing} · ${time(fixity.last_at)}${due}`;
}

function row(item) {
  const line = element("tr", "");
  const open = element("button", item.submitted.filename, { type: "button", onclick: () => show(item.id).catch(fail) });
  const cell = element("td", "");
  cell.append(element("input", "", { type: "checkbox", value: item.id, ariaLabel: item.submitted.filename }), open);
  const clocks = [...new Set((item.clocks ?? []).map(({ source, assumed }) => source + (assumed ? ` (${assumed}?)` : "")))];
  if (clocks.length) cell.append(element("small", ` ${text("byClock")}${clocks.join(", ")}`));
  line.append(cell, element("td", item.submitted.device ?? ""), element("td", time(item.committed_at)), element("td", stateOf(item)));
  line.dataset.item = item.id;
  return line;
}

// What the search form asks for, as the server names it.
function criteria() {
  const asked = {};
  for (const [name, value] of new FormData($("search"))) {
    if (value.trim()) asked[name] = ["from", "to"].includes(name) ? new Date(value).toISOString() : value;
  }
  return asked;
}

async function list(after) {
  const asked = criteria();
  const mine = $("mine").checked;
  const path = mine
    ? `/items?${new URLSearchParams(after ? { mine, before: after } : { mine })}`
    : `/search?${new URLSearchParams(after ? { ...asked, cursor: after } : asked)}`;
  const found = await ask(path);
  // What was asked for before somebody signed out is not shown to the next.
  if ($("main").hidden) return;
  if (!after) $("rows").replaceChildren();
  $("rows").append(...found.items.map(row));
  if (!after && found.items.length === 0 && Object.keys(asked).length === 0) say(text("empty"));
  next = found.next;
  $("more").hidden = next === null;
  untick();
  if (!after) await Promise.all([inbox(), figures()]);
}

async function search() {
  say();
  $("found").textContent = "";
  await list();
  const counted = await ask(`/search/facets?${new URLSearchParams(criteria())}`);
  if (!$("main").hidden) $("found").textContent = `${text("found")} ${counted.total.toLocaleString(language)}`;
}

async function exportList() {
  const answer = await fetch("/search/csv", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query: criteria() }),
  });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? text("trouble"));
  const link = element("a", "", { href: URL.createObjectURL(await answer.blob()), download: "custos-items.csv" });
  link.click();
  URL.revokeObjectURL(link.href);
}

function stop() {
  reviewing.end();
  player?.destroy();
  player = null;
  $("player").hidden = true;
}

const tracksOf = (item) => item.renditions.map(({ kind }) => kind.match(/^track-(\d+)$/)?.[1]).filter(Boolean);

function offer(item) {
  const tracks = item.playable ? tracksOf(item) : [];
  const button = (words, below) => element("button", words, { type: "button", onclick: () => play(item, below) });
  const recovered = item.renditions.some(({ kind }) => kind === "recovered");
  $("tracks").replaceChildren(...(tracks.length ? [button(text("main"))] : []),
    ...tracks.map((track) => button(`${text("track")} ${track}`, `tracks/${track}/`)),
    ...(recovered ? [button(text("recovered"), "recovered/")] : []));
}

function play(item, below = "") {
  stop();
  const still = item.renditions.some(({ kind }) => kind === "preview");
  $("preview").hidden = !still;
  if (still) $("preview").src = `/items/${item.id}/preview.jpg`;
  const growing = !item.playable && item.playable_until_ms !== null;
  if (growing && !below) below = "growing/";
  if (!item.playable && !below) return;
  // What grows is not live: it is watched from its beginning.
  start(item, `/items/${item.id}/${below}playlist.m3u8`, growing ? 0 : -1);
  // Another track has the time of the first; what is still growing, or was recovered, is not reviewed.
  if (item.playable && below !== "recovered/") {
    const segment = { item: item.id, plays_at_ms: 0, offset_ms: 0, duration_ms: item.duration_ms };
    reviewing.begin(`/items/${item.id}`, { item: item.id }, [segment]).catch(fail);
  }
}

function start(item, source, startPosition) {
  const video = $("player");
  video.hidden = false;
  if (item.renditions.some((rendition) => rendition.kind === "poster")) video.poster = `/items/${item.id}/poster.jpg`;
  else video.removeAttribute("poster");
  if (window.Hls?.isSupported()) {
    player = new window.Hls({ startPosition });
    player.loadSource(source);
    player.attachMedia(video);
  } else {
    video.src = source;
  }
}

// All segments of a recording, one after the other, from one of them on.
function playRecording(item, recording, from) {
  stop();
  // A still is taken from one item: which one is on screen now is not said.
  $("still").hidden = true;
  $("preview").hidden = true;
  start(item, `/recordings/${recording.id}/playlist.m3u8`, from / 1000);
  const segments = recording.segments.filter(({ left_out }) => !left_out);
  reviewing.begin(`/recordings/${recording.id}`, { recording: recording.id }, segments).catch(fail);
}

function segmentLine(item, recording, segment) {
  const words = `${clock(segment.offset_ms)} · ${segment.number === null ? "" : `${segment.number} · `}${segment.filename}`;
  const line = element("li", "");
  if (segment.left_out) line.textContent = `${words} · ${text(segment.left_out)}`;
  else line.append(element("button", words, { type: "button", onclick: () => playRecording(item, recording, segment.plays_at_ms) }));
  line.dataset.segment = segment.item;
  return line;
}

function gapLines(recording, item) {
  const span = ({ from_ms, to_ms }) => `${clock(from_ms)} – ${clock(to_ms)}`;
  const numbers = ({ first, last }) => (first === last ? `${first}` : `${first} – ${last}`);
  return [
    ...recording.missing.filter(({ before }) => before === item).map((gap) => `${text("missing")} ${numbers(gap)}`),
    ...recording.holes.filter(({ before }) => before === item).map((gap) => `${text("hole")} ${span(gap)}`),
    ...recording.overlaps.filter(({ before }) => before === item).map((gap) => `${text("overlap")} ${span(gap)}`),
  ].map((words) => element("li", words, { className: "gap" }));
}

async function offerRecording(item) {
  $("recording").hidden = true;
  if (!["video", "audio"].includes(item.kind) || !item.route) return;
  const recording = await ask(`/items/${item.id}/recording`).catch((error) => {
    // What was described before there were recordings is in none.
    if (error.code !== "not-found") throw error;
    return { segments: [] };
  });
  if (recording.segments.length < 2 || shown?.id !== item.id) return;
  $("recording").hidden = false;
  const begins = recording.begins === null ? "" : `${recording.begins} (${recording.clock.source}) · `;
  const buffer = recording.likely_pre_event_ms === null ? "" : ` · ${text("preEvent")} ${clock(recording.likely_pre_event_ms)}`;
  $("recording-facts").textContent = `${begins}${clock(recording.duration_ms)}${buffer}`;
  const played = recording.segments.find(({ left_out }) => !left_out);
  $("play-recording").hidden = !played;
  $("play-recording").onclick = () => playRecording(item, recording, 0);
  $("segments").replaceChildren(...recording.segments.flatMap((segment) =>
    [...gapLines(recording, segment.item), segmentLine(item, recording, segment)]));
}

const still = (id) => ({ kind }) => {
  const at = kind.slice("still-".length);
  const words = `${text("stillAt")} ${(Number(at) / 1e6).toFixed(3)} s `;
  return element("a", words, { href: `/items/${id}/stills/${at}.png`, target: "_blank" });
};

async function takeStill() {
  const at = Math.round($("player").currentTime * 1e6);
  await send(`/items/${shown.id}/stills`, { at_us: at });
  say(text("stillAsked"));
}

async function show(id) {
  say();
  const item = await ask(`/items/${id}`);
  // Whoever signed out meanwhile asks for nothing more.
  if ($("main").hidden) return;
  shown = item;
  for (const line of $("rows").children) line.setAttribute("aria-selected", String(line.dataset.item === id));
  $("detail").hidden = false;
  $("title").textContent = item.submitted.filename;
  $("why").textContent = item.salvaged ? text("salvaged") + item.salvaged : item.playable ? "" : making(item) || (item.reason ?? "");
  $("warnings").replaceChildren(...item.warnings.map((warning) => element("li", warning)));
  const facts = [
    ["uploader", item.agent_name ?? item.agent], ["device", item.submitted.device ?? ""],
    ["size", item.size.toLocaleString(language)], ["sha256", item.digests.sha256], ["locked", time(item.locked_until)],
    ["readBack", item.read_back ? text("yes") : text("notYet")], ["fixity", fixityOf(item.fixity)],
  ];
  $("facts").replaceChildren(...facts.flatMap(([key, value]) => [element("dt", text(key)), element("dd", value)]));
  $("original").href = `/items/${id}/original`;
  offer(item);
  $("still").hidden = !item.playable || item.kind === "audio";
  $("stills").replaceChildren(...item.renditions.filter(({ kind }) => kind.startsWith("still-")).map(still(id)));
  if (showCases(page, item)) stop();
  else play(item);
  await Promise.all([offerRecording(item), reviewing.showReviews(item), history(id), inbox()]);
}

// Stations have none.
const inbox = () => showInbox(page).catch((error) => { if (error.code !== "not-found") throw error; });
const isShown = (id) => shown?.id === id;
const page = { $, ask, send, element, text, say, time, clock, fail, show, play, inbox, isShown, open: () => shown?.id };
const reviewing = offerReviewing(page);
const untick = offerTagging(page);
const figures = offerFigures(page);
const exporting = offerExporting(page);

async function history(id) {
  $("report").hidden = true;
  try {
    const found = await ask(`/items/${id}/history`);
    $("report-page").href = `/items/${id}/report.html?lang=${language}`;
    $("report-pdf").href = `/items/${id}/report.pdf?lang=${language}`;
    $("report").hidden = false;
    offerCaseReports();
    $("history").replaceChildren(...found.events.map(({ event, agent_name }) =>
      element("li", `${time(event.time)} · ${event.type}${agent_name ? ` · ${text("by")} ${agent_name}` : ""} · ${event.outcome}`)));
  } catch (error) {
    if (error.code !== "not-found") throw error;
    $("history").replaceChildren(element("li", text("noHistory")));
  }
}

function enter(agent) {
  $("who").textContent = agent ? `${agent.name} · ${agent.role} · ${agent.unit}` : "";
  $("sign-in").hidden = Boolean(agent);
  $("main").hidden = !agent;
  $("sign-out").hidden = !agent;
  exporting.begin(agent).catch(fail);
  if (agent) return;
  // Nothing of what one person saw is left for the next.
  stop();
  shown = null;
  $("detail").hidden = true;
  $("rows").replaceChildren();
  $("waiting").replaceChildren();
  $("figure-rows").replaceChildren();
  $("mine").checked = false;
  untick();
  $("search").reset();
  $("found").textContent = "";
}

function fail(error) {
  say(error.message);
  if (error.code === "sign-in-needed") enter(null);
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    enter(await send("/session", { username: form.get("username"), password: form.get("password") }));
    say();
    event.target.reset();
    await list();
  } catch (error) {
    fail(error);
  }
});
$("sign-out").addEventListener("click", async () => {
  // What was watched is told while one is still signed in.
  const told = reviewing.end();
  enter(null);
  await told;
  try { await ask("/session", { method: "DELETE" }); } catch (error) { fail(error); }
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search().catch(fail);
});
$("mine").addEventListener("change", () => {
  say();
  $("found").textContent = "";
  list().catch(fail);
});
$("csv").addEventListener("click", () => exportList().catch(fail));
$("still").addEventListener("click", () => takeStill().catch(fail));
$("more").addEventListener("click", () => list(next).catch(fail));
$("language").addEventListener("click", () => {
  language = language === "en" ? "zh-CN" : "en";
  localStorage.setItem("language", language);
  translate();
  if (!$("main").hidden) list().then(() => shown && show(shown.id)).catch(fail);
});

translate();
ask("/session").then((agent) => { enter(agent); return list(); }).catch((error) => {
  enter(null);
  if (error.code !== "sign-in-needed") fail(error);
});
