// Headless Chromium with a profile of its own, and signing in, for the other scripts here.
import { chromium } from "playwright-core";

const PATIENCE = 60_000;

// `job` names browser and profile; what a page throws goes to `errors`. Close the context when done.
export async function open(job, errors) {
  const context = await chromium.launchPersistentContext(job.profile, {
    executablePath: job.browser,
    headless: true,
    locale: "en-GB",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => errors.push(String(error)));
  return { context, page };
}

export async function signIn(page, { username, password }) {
  await page.locator("#sign-in input[name=username]").fill(username);
  await page.locator("#sign-in input[name=password]").fill(password);
  await page.locator("#sign-in button").click();
}
