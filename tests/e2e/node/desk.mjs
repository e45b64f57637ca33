// An officer looks at their own recordings and tags two of them; a supervisor then looks at the figures.
// Arguments: one JSON object with url, profile, browser, officer and supervisor (username and password each),
// mine and number. Prints what was seen as JSON.
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const said = { errors: [] };
const { context, page } = await open(job, said.errors);
try {
  const names = () => page.locator("#rows button").allTextContents();
  await page.goto(job.url);
  await signIn(page, job.officer);
  await page.locator("#rows tr").first().waitFor();
  await page.locator("#mine").check();
  await page.waitForFunction((count) => document.querySelectorAll("#rows tr").length === count, job.mine);
  said.mine = await names();
  await page.locator("#tag input").fill(job.number);
  await page.locator("#tag button").first().click();
  await page.waitForFunction(() => document.getElementById("message").textContent !== "");
  said.nothingTicked = await page.locator("#message").textContent();
  for (const box of await page.locator("#rows input[type=checkbox]").all()) await box.check();
  await page.locator("#tag button").first().click();
  await page.locator("#tag-link").waitFor();
  said.preview = await page.locator("#tag-preview").textContent();
  await page.locator("#tag-link").click();
  await page.waitForFunction((number) => document.getElementById("message").textContent.includes(number), job.number);
  said.linked = await page.locator("#message").textContent();
  said.own = await page.locator("#figure-rows tr").last().locator("td").allTextContents();
  await page.locator("#sign-out").click();
  await page.locator("#sign-in").waitFor();
  said.left = await page.locator("#figure-rows tr").count();
  await signIn(page, job.supervisor);
  await page.locator("#figure-rows tr").first().waitFor();
  await page.locator("#figures-of select").selectOption("officer");
  await page.locator("#figure-rows th", { hasText: job.officer.username }).waitFor();
  const cells = (row) => row.locator("th, td").allTextContents();
  said.figures = await Promise.all((await page.locator("#figure-rows tr").all()).map(cells));
} catch (error) {
  said.broken = String(error);
} finally {
  await context.close();
}
console.log(JSON.stringify(said));
