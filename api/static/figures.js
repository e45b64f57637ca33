// Figures of whoever asks: an officer's own, a supervisor's unit with all below it.

const COLUMNS = ["items", "recordings", "tagged", "late", "held", "reviewed", "holes", "missing_numbers"];

export function offerFigures(page) {
  const { $, ask, element, text } = page;
  const hours = (ms) => (ms / 3_600_000).toFixed(1);

  function line(row, words) {
    const made = element("tr", "");
    const rate = row.items ? `${Math.floor((100 * row.tagged) / row.items)} %` : "";
    made.append(element("th", words, { scope: "row" }), element("td", hours(row.duration_ms)),
      ...COLUMNS.map((name) => element("td", row[name] === null ? "" : row[name].toLocaleString())), element("td", rate));
    return made;
  }

  async function show() {
    const asked = new URLSearchParams([...new FormData($("figures-of"))].filter(([, value]) => value));
    let found;
    try {
      found = await ask(`/figures?${asked}`);
    } catch (error) {
      if (error.code !== "not-found") throw error;
      // Some roles have none.
      $("figures").hidden = true;
      return;
    }
    $("figures").hidden = false;
    $("figure-rows").replaceChildren(...found.rows.map((row) => line(row, row.value || text("unknown"))),
      line(found.total, text("total")));
  }

  $("figures-of").addEventListener("change", () => show().catch(page.fail));
  return show;
}
