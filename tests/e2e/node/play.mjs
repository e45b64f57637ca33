// Signs in on the page, plays items one after another in headless Chromium and prints what came out, as JSON.
// Arguments: one JSON object with url, profile, browser, username, password and items (file names to play).
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const said = { errors: [], played: {} };

const { context, page } = await open(job, said.errors);

async function play(page, item) {
  await page.locator("#rows button", { hasText: item }).first().click();
  await page.waitForFunction((name) => document.getElementById("title").textContent === name, item);
  await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
  const player = page.locator("#player");
  await player.focus();
  await page.keyboard.press("Space");
  await page.waitForFunction(() => {
    const video = document.getElementById("player");
    return video.error || video.ended || video.currentTime > Math.min(0.7, video.duration / 2);
  });
  return player.evaluate((video) => ({
    currentTime: video.currentTime,
    duration: video.duration,
    width: video.videoWidth,
    height: video.videoHeight,
    pictures: video.getVideoPlaybackQuality().totalVideoFrames,
    soundBytes: video.webkitAudioDecodedByteCount,
    error: video.error && video.error.message,
  }));
}

try {
  await page.goto(job.url);
  await signIn(page, job);
  await page.locator("#rows tr").first().waitFor();
  page.setDefaultTimeout(20_000);
  for (const item of job.items) {
    try {
      said.played[item] = await play(page, item);
    } catch (error) {
      const stands = await page.evaluate(() => {
        const { currentTime, readyState, duration, paused, ended, buffered } = document.getElementById("player");
        const parts = Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
        return { currentTime, readyState, duration, paused, ended, parts };
      });
      said.played[item] = { error: `${error} ${JSON.stringify(stands)}` };
    }
  }
} finally {
  await context.close();
}
console.log(JSON.stringify(said));
