// Cases of an item, the inbox, and what a restricted item asks for. `page` is what the rest of the page lends.

// Shows the cases that an item belongs to, each with a way to withdraw it, and a way to link it to another.
export function showCases(page, item) {
  const { $, send, element, text } = page;
  const again = () => page.show(item.id).catch(page.fail);

  async function withdraw(link) {
    const reason = window.prompt(text("why"));
    if (!reason) return;
    await send(`/links/${link}/withdrawal`, { reason });
    await again();
  }

  $("cases").replaceChildren(...item.cases.map(({ link, case: id, number }) => {
    const line = element("li", `${number} `);
    const report = (format, words) => element("a", words, { href: `/cases/${id}/report.${format}?lang=${document.documentElement.lang}`, target: "_blank" });
    const reports = element("span", "", { className: "case-report", hidden: true });
    reports.append(report("html", text("report")), " · ", report("pdf", text("reportPdf")), " ");
    line.append(reports);
    line.append(element("button", text("withdraw"), { type: "button", onclick: () => withdraw(link).catch(page.fail) }));
    return line;
  }));
  $("link").onsubmit = async (event) => {
    event.preventDefault();
    const number = new FormData(event.target).get("number").trim();
    try {
      const case_ = await find(page, number) ?? await send("/cases", { number });
      await send(`/cases/${case_.id}/links`, { items: [item.id] });
      event.target.reset();
      await again();
    } catch (error) {
      page.fail(error);
    }
  };
  const closed = item.restriction !== "none";
  $("purpose").hidden = !closed;
  $("purpose").onsubmit = async (event) => {
    event.preventDefault();
    try {
      await send(`/items/${item.id}/purpose`, { purpose: new FormData(event.target).get("purpose") });
      event.target.reset();
      page.play(item);
    } catch (error) {
      page.fail(error);
    }
  };
  return closed;
}

// Shows the way to the cases' reports to whoever may see histories.
export function offerCaseReports() {
  for (const reports of document.querySelectorAll(".case-report")) reports.hidden = false;
}

// The case of that number that one may see, or null.
export async function find(page, number) {
  for (let next = ""; next !== null;) {
    const found = await page.ask(`/cases${next ? `?before=${next}` : ""}`);
    const case_ = found.cases.find((one) => one.number === number);
    if (case_) return case_;
    next = found.next;
  }
  return null;
}

// The unit's items without a case, or one's own, newest first.
export async function showInbox(page) {
  const { $, ask, element, text } = page;
  const inbox = await ask("/inbox");
  $("waiting").replaceChildren(...inbox.items.map((one) => {
    const line = element("li", "");
    line.append(element("button", one.filename, { type: "button", onclick: () => page.show(one.item).catch(page.fail) }));
    if (one.named) line.append(` ${text("named")} ${one.named}`);
    if (one.candidates.length) line.append(` ${text("candidates")} ${one.candidates.join(", ")}`);
    return line;
  }));
  $("waiting-count").textContent = inbox.items.length + (inbox.next ? "+" : "");
}
