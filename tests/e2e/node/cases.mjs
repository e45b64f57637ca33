// Links an item to a case on the page, withdraws that, and states a purpose for another item.
// Arguments: one JSON object with url, profile, browser, username, password, item, restricted and number.
// Prints what was seen as JSON.
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const said = { errors: [] };
const { context, page } = await open(job, said.errors);
try {
  page.on("dialog", (dialog) => dialog.accept("wrong person"));
  const show = async (name) => {
    await page.locator("#rows button", { hasText: name }).first().click();
    await page.waitForFunction((title) => document.getElementById("title").textContent === title, name);
  };
  await page.goto(job.url);
  await signIn(page, job);
  await page.locator("#rows tr").first().waitFor();
  await page.locator("#waiting li", { hasText: job.item }).waitFor();
  await show(job.item);
  await page.locator("#link input").fill(job.number);
  await page.locator("#link button").click();
  await page.locator("#cases li", { hasText: job.number }).waitFor();
  await page.locator("#waiting li", { hasText: job.item }).waitFor({ state: "detached" });
  said.linked = await page.locator("#cases li").allTextContents();
  await page.locator(".case-report a").first().waitFor();
  said.reports = await page.locator(".case-report a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  await page.locator("#cases button").click();
  await page.locator("#cases li").waitFor({ state: "detached" });
  await page.locator("#waiting li", { hasText: job.item }).waitFor();
  await show(job.restricted);
  await page.locator("#purpose").waitFor();
  said.closed = await page.locator("#player").isHidden();
  await page.locator("#purpose input").fill("复核");
  await page.locator("#purpose button").click();
  await page.locator("#player").waitFor();
  await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
  said.message = await page.locator("#message").textContent();
} catch (error) {
  said.broken = String(error);
} finally {
  await context.close();
}
console.log(JSON.stringify(said));
