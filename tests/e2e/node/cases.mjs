// Links an item to a case on the page, withdraws that, and states a purpose for another item.
// Arguments: one JSON object with url, profile, browser, username, password, item, restricted and number.
// Prints what was seen as JSON.
import { chromium } from "playwright-core";

const job = JSON.parse(process.argv[2]);
const said = { errors: [] };
const context = await chromium.launchPersistentContext(job.profile, {
  executablePath: job.browser,
  headless: true,
  locale: "en-GB",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => said.errors.push(String(error)));
  page.on("dialog", (dialog) => dialog.accept("wrong person"));
  const open = async (name) => {
    await page.locator("#rows button", { hasText: name }).first().click();
    await page.waitForFunction((title) => document.getElementById("title").textContent === title, name);
  };
  await page.goto(job.url);
  await page.locator("#sign-in input[name=username]").fill(job.username);
  await page.locator("#sign-in input[name=password]").fill(job.password);
  await page.locator("#sign-in button").click();
  await page.locator("#rows tr").first().waitFor();
  await page.locator("#waiting li", { hasText: job.item }).waitFor();
  await open(job.item);
  await page.locator("#link input").fill(job.number);
  await page.locator("#link button").click();
  await page.locator("#cases li", { hasText: job.number }).waitFor();
  await page.locator("#waiting li", { hasText: job.item }).waitFor({ state: "detached" });
  said.linked = await page.locator("#cases li").allTextContents();
  await page.locator("#cases button").click();
  await page.locator("#cases li").waitFor({ state: "detached" });
  await page.locator("#waiting li", { hasText: job.item }).waitFor();
  await open(job.restricted);
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
