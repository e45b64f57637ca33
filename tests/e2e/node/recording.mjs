// Plays a recording of several segments as one in headless Chromium.
// Arguments: one JSON object with url, profile, browser, username, password and item (a segment's file name).
// Prints one line of JSON: what the page says of it, and what was on screen on the way to its end.
import { open, signIn } from "./browser.mjs";

const job = JSON.parse(process.argv[2]);
const errors = [];

const { context, page } = await open(job, errors);
try {
  await page.goto(job.url);
  await signIn(page, job);
  await page.locator("#rows button", { hasText: job.item }).first().click();
  await page.locator("#recording").waitFor();
  const lines = await page.locator("#segments li").allTextContents();
  const facts = await page.locator("#recording-facts").textContent();
  await page.locator("#play-recording").click();
  await page.locator("#player").waitFor();
  await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
  await page.locator("#player").evaluate((video) => {
    window.seen = [];
    const canvas = document.createElement("canvas");
    const look = () => {
      const pen = canvas.getContext("2d", { willReadFrequently: true });
      if (video.videoWidth) {
        pen.drawImage(video, 0, 0, 1, 1);
        const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
        const most = Math.max(red, green, blue);
        window.seen.push([video.currentTime, most === red ? "red" : most === green ? "green" : "blue"]);
      } else {
        window.seen.push([video.currentTime, null]);
      }
    };
    video.addEventListener("timeupdate", look);
    video.addEventListener("seeking", () => window.seen.push([video.currentTime, "seek"]));
    video.playbackRate = 2;
    return video.play();
  });
  await page.waitForFunction(() => document.getElementById("player").ended);
  const found = await page.locator("#player").evaluate((video) => ({
    currentTime: video.currentTime,
    duration: video.duration,
    heard: video.webkitAudioDecodedByteCount,
    error: video.error && video.error.message,
    seen: window.seen,
  }));
  const stillHidden = await page.locator("#still").isHidden();
  // From the last segment on.
  await page.locator("#segments button").last().click();
  await page.waitForFunction(() => document.getElementById("player").readyState >= 2);
  const last = await page.locator("#player").evaluate((video) => video.currentTime);
  await page.locator("#player").evaluate((video) => new Promise((done) => {
    video.addEventListener("seeked", done, { once: true });
    video.pause();
    video.currentTime = 9;
  }));
  await page.locator("#mark-label").fill("冲突");
  await page.locator("#marking button[data-text=mark]").click();
  await page.locator("#marks li", { hasText: "冲突" }).waitFor();
  const marks = await page.locator("#marks li").allTextContents();
  await page.locator("#review select").selectOption("flawed");
  await page.locator("#review input").fill("过暗");
  await page.locator("#review button").click();
  await page.locator("#reviews li").waitFor();
  const reviews = await page.locator("#reviews li").allTextContents();
  const message = await page.locator("#message").textContent();
  console.log(JSON.stringify({ ...found, lines, facts, stillHidden, last, marks, reviews, message, errors }));
} catch (error) {
  console.log(JSON.stringify({ broken: String(error), errors }));
} finally {
  await context.close();
}
