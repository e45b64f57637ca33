// Exports: asking for one of a case or of the item that is open, and fetching what was made with its seal.
import { find } from "./cases.js";

const LOOK_EVERY_MS = 2_000;

export function offerExporting(page) {
  const { $, ask, send, element, text } = page;
  let looking = null;

  function line(one) {
    const what = one.matter === "case" ? text("oneCase") : text("oneItem");
    const entry = element("li", `${page.time(one.asked_at)} · ${what} · ${text(one.profile)} · ${one.reason} `);
    if (one.gone_at !== null) entry.append(text("exportGone"));
    else if (one.made === null) entry.append(one.job?.state === "failed" ? `${text("failed")}: ${one.job.message}` : `${text("working")} ${Math.floor((one.job?.progress ?? 0) / 10)} %`);
    else {
      entry.append(
        element("a", `${text("archive")} (${(one.made.size / 1e6).toFixed(1)} MB)`, { href: one.made.path, download: "" }), " ",
        element("a", text("seal"), { href: one.made.seal, download: `${one.made.path.split("/").at(-1)}.seal.json` }),
      );
      if (one.made.self_asserted) entry.append(" ", element("small", text("selfAsserted")));
    }
    return entry;
  }

  async function show() {
    clearTimeout(looking);
    if ($("main").hidden) return;
    const { exports: found } = await ask("/exports");
    $("exports-made").replaceChildren(...found.map(line));
    if (found.some(({ made, job }) => made === null && ["queued", "running"].includes(job?.state))) {
      looking = setTimeout(() => show().catch(page.fail), LOOK_EVERY_MS);
    }
  }

  async function begin(agent) {
    clearTimeout(looking);
    $("exporting").hidden = !["archivist", "supervisor"].includes(agent?.role);
    $("exports-made").replaceChildren();
    if (!$("exporting").hidden) await show();
  }

  $("export").onsubmit = async (event) => {
    event.preventDefault();
    const said = new FormData(event.target);
    const wanted = { profile: said.get("profile"), reason: said.get("reason"), originals: said.get("originals") === "on" };
    const number = said.get("number").trim();
    try {
      const open = page.open();
      if (!number && !open) throw new Error(text("openFirst"));
      const case_ = number ? await find(page, number) : null;
      if (number && !case_) throw new Error(text("noSuchCase"));
      await send(case_ ? `/cases/${case_.id}/exports` : `/items/${open}/exports`, wanted);
      event.target.reset();
      await show();
    } catch (error) {
      page.fail(error);
    }
  };

  return { begin };
}
