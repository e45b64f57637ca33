// Several items linked to one case at once: what would become of each is shown first.

import { find } from "./cases.js";

// Puts a box before each row, and the form that links what is ticked. `page` is what the rest of the page lends.
export function offerTagging(page) {
  const { $, ask, send, text } = page;
  let asked = null;

  const ticked = () => [...document.querySelectorAll("#rows input:checked")].map((box) => box.value);

  function forget() {
    asked = null;
    $("tag-preview").textContent = "";
    $("tag-link").hidden = true;
  }

  async function preview(number) {
    const items = ticked();
    if (!items.length) throw new Error(text("tickFirst"));
    const case_ = await find(page, number);
    const fates = case_ ? (await send(`/cases/${case_.id}/links`, { items, preview: true })).items : items.map(() => ({ fate: "linked" }));
    const count = (fate) => fates.filter((one) => one.fate === fate).length;
    const words = [`${text("wouldLink")} ${count("linked")}`];
    if (count("already-linked")) words.push(`${text("alreadyLinked")} ${count("already-linked")}`);
    if (!case_) words.push(text("wouldOpen"));
    asked = { items, number };
    $("tag-preview").textContent = words.join(" · ");
    $("tag-link").hidden = count("linked") === 0;
  }

  async function link() {
    const { items, number } = asked;
    const case_ = await find(page, number) ?? await send("/cases", { number });
    const { items: fates } = await send(`/cases/${case_.id}/links`, { items });
    forget();
    $("tag").reset();
    for (const box of document.querySelectorAll("#rows input:checked")) box.checked = false;
    page.say(`${text("linked")} ${fates.filter(({ fate }) => fate === "linked").length} → ${number}`);
    await page.inbox();
  }

  $("tag").addEventListener("submit", (event) => {
    event.preventDefault();
    preview(new FormData(event.target).get("number").trim()).catch(page.fail);
  });
  $("tag").addEventListener("input", forget);
  $("rows").addEventListener("change", forget);
  $("tag-link").addEventListener("click", () => link().catch(page.fail));
  return forget;
}
