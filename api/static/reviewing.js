// Marks, what was watched, and reviews, on the time of what is on screen. `page` is what the rest of the page lends.

const TELL_EVERY_MS = 5_000;
// A longer step of the player's clock is a jump, not watching.
const LONGEST_STEP_S = 2;

export function offerReviewing(page) {
  const { $, ask, send, element, text } = page;
  const video = $("player");
  // What plays: `segments` says which item lies where on the player's clock, all in milliseconds.
  let playing = null;
  let from = null;

  // Where the player's clock stands: the item, its own time, and the time of what is played as a whole.
  function at(ms) {
    const found = [...playing.segments].reverse().find(({ plays_at_ms }) => plays_at_ms <= ms) ?? playing.segments[0];
    const own = Math.max(0, Math.min(ms - found.plays_at_ms, found.duration_ms ?? Infinity));
    return { segment: found, own: Math.round(own), whole: Math.round((found.offset_ms ?? 0) + own) };
  }

  // Called when something begins to play; `segments` have item, plays_at_ms, offset_ms and duration_ms.
  async function begin(path, asked, segments) {
    await end();
    // Whoever signed out meanwhile plays nothing more.
    if ($("main").hidden) return;
    const mine = { path, segments, session: null, opening: Promise.resolve(), seen: [], last: null, told: performance.now() };
    playing = mine;
    from = null;
    $("marking").hidden = false;
    $("range-from").textContent = text("rangeFrom");
    mine.opening = send("/playbacks", asked).then(({ id }) => { mine.session = id; }, (error) => {
      // Who may play it without being asked is not asked here either: it plays, and nothing is told.
      if (!["not-found", "purpose-needed"].includes(error.code)) throw error;
    });
    await mine.opening;
    if (playing === mine) await showMarks();
  }

  function watch() {
    const mine = playing;
    if (!mine) return;
    const now = video.currentTime;
    const { last } = mine;
    mine.last = now;
    if (video.paused || last === null || now <= last || now - last > LONGEST_STEP_S) return;
    const { segment, own } = at(now * 1000);
    const before = at(last * 1000);
    if (before.segment !== segment) {
      mine.seen.push({ item: before.segment.item, from_ms: before.own, to_ms: before.segment.duration_ms ?? before.own });
      mine.seen.push({ item: segment.item, from_ms: 0, to_ms: own });
    } else {
      const open = mine.seen.at(-1);
      if (open?.item === segment.item && open.to_ms === before.own) open.to_ms = own;
      else mine.seen.push({ item: segment.item, from_ms: before.own, to_ms: own });
    }
    if (performance.now() - mine.told > TELL_EVERY_MS) tell(mine).catch(page.fail);
  }

  async function tell(mine) {
    const spans = mine.seen.filter(({ from_ms, to_ms }) => to_ms > from_ms);
    mine.told = performance.now();
    mine.seen = [];
    if (mine.session && spans.length) await send(`/playbacks/${mine.session}/watched`, { spans });
  }

  async function close(mine) {
    if (!mine.session) return;
    await tell(mine);
    await ask(`/playbacks/${mine.session}`, { method: "DELETE" });
  }

  // Called when nothing plays any more, or something else does.
  async function end() {
    const mine = playing;
    playing = null;
    $("marking").hidden = true;
    $("marks").replaceChildren();
    if (mine) await mine.opening.then(() => close(mine)).catch((error) => { if (error.code !== "sign-in-needed") page.fail(error); });
  }

  async function mark(from_ms, to_ms) {
    const label = $("mark-label").value.trim();
    if (!label) throw new Error(text("labelNeeded"));
    await send(`${playing.path}/marks`, { from_ms, to_ms, label });
    $("mark-label").value = "";
    from = null;
    $("range-from").textContent = text("rangeFrom");
    await showMarks();
  }

  const here = () => {
    const { own, whole } = at(video.currentTime * 1000);
    return playing.path.startsWith("/recordings/") ? whole : own;
  };

  function markLine(one) {
    const first = one.spans[0];
    const segment = playing.segments.find(({ item }) => item === first.item);
    const seconds = ((segment?.plays_at_ms ?? 0) + first.from_ms) / 1000;
    const last = one.spans.at(-1);
    const length = one.kind === "range" ? ` – ${page.clock(((playing.segments.find(({ item }) => item === last.item)?.plays_at_ms) ?? 0) + last.to_ms)}` : "";
    const line = element("li", "");
    line.append(element("button", `${page.clock(seconds * 1000)}${length} ${one.label}`, { type: "button", onclick: () => { video.currentTime = seconds; } }));
    line.append(` ${one.made_by ?? ""}`);
    if (one.withdrawn_at) line.append(` · ${text("withdrawn")} ${one.withdrawn_for}`);
    else line.append(element("button", text("withdraw"), { type: "button", onclick: () => withdraw(one.id).catch(page.fail) }));
    return line;
  }

  async function withdraw(id) {
    const reason = window.prompt(text("why"));
    if (!reason) return;
    await send(`/marks/${id}/withdrawal`, { reason });
    await showMarks();
  }

  async function showMarks() {
    const mine = playing;
    if (!mine) return;
    const found = await ask(`${mine.path}/marks`).catch((error) => {
      if (error.code !== "not-found") throw error;
      return { marks: [] };
    });
    if (playing === mine) $("marks").replaceChildren(...found.marks.map(markLine));
  }

  // The reviews of an item, and the form to add one, for whoever may see them.
  async function showReviews(item) {
    $("reviewing").hidden = true;
    const found = await ask(`/items/${item.id}/reviews`).catch((error) => {
      if (error.code !== "not-found") throw error;
      return null;
    });
    if (!found || !page.isShown(item.id)) return;
    $("reviewing").hidden = false;
    $("reviews").replaceChildren(...found.reviews.map((one) => {
      const share = one.covered_permille === null ? "" : ` · ${text("watched")} ${Math.floor(one.covered_permille / 10)} %`;
      const gone = one.withdrawn_at ? ` · ${text("withdrawn")} ${one.withdrawn_for}` : "";
      return element("li", `${text(one.outcome)} · ${one.reviewed_by ?? ""}${share} ${one.note}${gone}`);
    }));
    $("review").onsubmit = (event) => {
      event.preventDefault();
      review(item, new FormData(event.target)).catch(page.fail);
    };
  }

  async function review(item, form) {
    // What was watched until now counts for the review.
    if (playing) await tell(playing);
    await send(`/items/${item.id}/reviews`, { outcome: form.get("outcome"), note: form.get("note") });
    $("review").reset();
    await showReviews(item);
  }

  video.addEventListener("timeupdate", watch);
  video.addEventListener("seeking", () => { if (playing) playing.last = null; });
  for (const name of ["pause", "ended"]) video.addEventListener(name, () => { if (playing) tell(playing).catch(page.fail); });
  $("marking").addEventListener("submit", (event) => {
    event.preventDefault();
    const now = here();
    mark(from ?? now, Math.max(from ?? now, now)).catch(page.fail);
  });
  $("range-from").addEventListener("click", () => {
    from = here();
    $("range-from").textContent = `${text("rangeFrom")} ${page.clock(from)}`;
  });
  return { begin, end, showReviews };
}
