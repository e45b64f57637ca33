// Drives the page in headless Chromium and prints what a person would see, as JSON.
// Arguments: one JSON object with url, profile, browser, username, password and items (file names to play).
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const said = { errors: [], violations: [], failed: [], played: {} };

const { context, page } = await open(job, said.errors);
try {
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // The browser itself writes a line for every answer of 4xx; those are looked at by their status below.
    if (message.text().startsWith("Failed to load resource")) return;
    said.errors.push(message.text());
  });
  page.on("response", (response) => {
    if (response.status() >= 400) {
      said.failed.push(`${response.request().method()} ${new URL(response.url()).pathname} ${response.status()}`);
    }
  });
  await page.exposeFunction("violated", (what) => said.violations.push(what));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      window.violated(`${event.violatedDirective} ${event.blockedURI}`));
  });

  await page.goto(job.url);
  await page.locator("#sign-in").waitFor();
  const words = async () => ({
    lang: await page.locator("html").getAttribute("lang"),
    button: await page.locator("#sign-in button").textContent(),
    toggle: await page.locator("#language").textContent(),
  });
  said.english = await words();
  await page.locator("#language").click();
  said.chinese = await words();
  await page.reload();
  await page.locator("#sign-in").waitFor();
  said.afterReload = await words();
  await page.locator("#language").click();
  said.englishAgain = await words();

  await signIn(page, { ...job, password: "not the password" });
  await page.waitForFunction(() => document.getElementById("message").textContent !== "");
  said.refusal = await page.locator("#message").textContent();
  said.hiddenWhileRefused = await page.locator("#main").isHidden();
  await signIn(page, job);
  await page.locator("#main").waitFor();
  await page.locator("#rows tr").first().waitFor();
  said.formHidden = await page.locator("#sign-in").isHidden();
  said.who = await page.locator("#who").textContent();
  said.message = await page.locator("#message").textContent();
  said.listed = await page.locator("#rows tr td:first-child").allTextContents();
  said.cookies = await page.evaluate(() => document.cookie);

  await page.locator("#search input[name=text]").fill("级");
  await page.locator("#search button").first().click();
  await page.waitForFunction(() => document.getElementById("found").textContent !== "");
  said.found = await page.locator("#rows tr td:first-child").allTextContents();
  const downloading = page.waitForEvent("download");
  await page.locator("#csv").click();
  said.exported = (await downloading).suggestedFilename();
  await page.locator("#search input[name=text]").fill("");
  await page.locator("#search button").first().click();
  await page.waitForFunction((count) => document.querySelectorAll("#rows tr").length === count, said.listed.length);

  for (const item of job.items) {
    await page.locator("#rows button", { hasText: item }).first().click();
    await page.waitForFunction((name) => document.getElementById("title").textContent === name, item);
    const player = page.locator("#player");
    await player.waitFor();
    await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
    // What the space bar does on a player that has the focus is to press play.
    await player.focus();
    await page.keyboard.press("Space");
    await page.waitForFunction(() => {
      const video = document.getElementById("player");
      return video.currentTime > Math.min(2, video.duration - 0.2);
    });
    said.played[item] = await player.evaluate((video) => ({
      currentTime: video.currentTime,
      duration: video.duration,
      width: video.videoWidth,
      height: video.videoHeight,
      paused: video.paused,
      throughHls: video.src.startsWith("blob:"),
      error: video.error && video.error.message,
    }));
    // Shown again, now that something has been seen.
    await page.locator("#rows button", { hasText: item }).first().click();
    await page.waitForFunction(() => document.getElementById("history").textContent.includes("viewing.opened"));
    said.played[item].history = await page.locator("#history li").allTextContents();
    said.played[item].report = await page.locator("#report-page").getAttribute("href");
    said.played[item].facts = await page.locator("#facts").textContent();
  }

  await page.locator("#language").click();
  await page.waitForFunction(() => document.documentElement.lang === "zh-CN");
  said.chineseInside = await page.locator("#list h1").textContent();
  await page.locator("#sign-out").click();
  await page.locator("#sign-in").waitFor();
  said.hiddenAfterwards = await page.locator("#main").isHidden();
  said.leftAfterwards = await page.locator("#rows tr").count();
} catch (error) {
  said.broken = String(error);
} finally {
  await context.close();
}
console.log(JSON.stringify(said));
