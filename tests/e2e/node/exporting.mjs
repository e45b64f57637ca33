// Exports a case on the page and fetches archive and seal, as JSON on standard output.
// Arguments: one JSON object with url, profile, browser, username, password, number and into (a directory).
import { join } from "node:path";
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const said = { errors: [] };
const { context, page } = await open(job, said.errors);
try {
  await page.goto(job.url);
  await signIn(page, job);
  await page.locator("#exporting").waitFor();
  await page.locator("#export input[name=reason]").fill("移送检察院");
  await page.locator("#export button").click();
  await page.waitForFunction(() => document.getElementById("message").textContent);
  said.without = await page.locator("#message").textContent();
  await page.locator("#export input[name=number]").fill("no such");
  await page.locator("#export button").click();
  await page.waitForFunction((before) => document.getElementById("message").textContent !== before, said.without);
  said.unknown = await page.locator("#message").textContent();
  await page.locator("#export input[name=number]").fill(job.number);
  await page.locator("#export select").selectOption("defence");
  await page.locator("#export button").click();
  await page.locator("#exports-made a").first().waitFor();
  said.line = await page.locator("#exports-made li").first().textContent();
  for (const [place, name] of [[0, "export.zip"], [1, "export.zip.seal.json"]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#exports-made a").nth(place).click()]);
    said[name] = download.suggestedFilename();
    await download.saveAs(join(job.into, name));
  }
  await page.locator("#sign-out").click();
  await page.locator("#sign-in").waitFor();
  said.left = await page.locator("#exports-made li").count();
} catch (error) {
  said.broken = String(error);
} finally {
  await context.close();
}
console.log(JSON.stringify(said));
