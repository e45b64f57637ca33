// Watches a recording in headless Chromium while it is still being made.
// Arguments: one JSON object with url, profile, browser, username, password and item (its file name).
// Prints two lines of JSON: once it plays, and once it has been played to its end.
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const errors = [];

const { context, page } = await open(job, errors);
try {
  const say = async (more) => {
    const found = await page.locator("#player").evaluate((video) => ({
      currentTime: video.currentTime,
      duration: video.duration,
      heard: video.webkitAudioDecodedByteCount,
      error: video.error && video.error.message,
    }));
    console.log(JSON.stringify({ ...found, ...more, errors }));
  };
  await page.goto(job.url);
  await page.locator("#language").click();
  await signIn(page, job);
  await page.locator("#rows button", { hasText: job.item }).first().click();
  await page.locator("#player").waitFor();
  await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
  const began = await page.locator("#player").evaluate((video) => video.currentTime);
  await page.locator("#player").focus();
  await page.keyboard.press("Space");
  await page.waitForFunction(() => document.getElementById("player").currentTime > 1);
  await say({ began, why: await page.locator("#why").textContent() });
  await page.locator("#player").evaluate((video) => { video.playbackRate = 4; });
  await page.waitForFunction(() => document.getElementById("player").ended);
  await say({});
} catch (error) {
  console.log(JSON.stringify({ broken: String(error), errors }));
} finally {
  await context.close();
}
