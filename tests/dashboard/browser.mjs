// Does the dashboard work in a real browser? Opens the page of examples/dashboard, which plants slow calls, and looks at what is shown.
//
//   node browser.mjs <url> [<folder for screenshots>]
//
// Run by ci/dashboard.sh, which builds and starts the example. CHROMIUM is the browser's program.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.env.PLAYWRIGHT}/`)("playwright-core");
const [url, screenshots] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const complaints = [];

async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, acceptDownloads: true });
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return page;
}

async function given(name, check) {
  await check();
  console.log(`ok: ${name}`);
}

try {
  const page = await open(1360, 1180, "light");
  const text = (selector) => page.textContent(selector);
  const until = (check, ...rest) => page.waitForFunction(check, ...rest, { timeout: 30000 });

  await given("the page goes live, with a strip per processor that is drawn on", async () => {
    await until(() => document.querySelector("#status").textContent === "live");
    const strips = await page.locator("#processors canvas").count();
    assert.ok(strips >= 1, `${strips} strips`);
    await until(() => {
      const canvas = document.querySelector("#processors canvas");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((value) => value > 0);
    });
  });

  await given("the planted slow call is held up, with its call site, spawn site and age", async () => {
    await until(() => [...document.querySelectorAll("#held tbody tr")].some((row) => row.textContent.includes("slow query") && /[0-9.]+ s/.test(row.cells[0].textContent)));
    const row = await page.locator("#held tbody tr", { hasText: "slow query" }).first().textContent();
    assert.equal(row.match(/examples\/dashboard\.rs:\d+:\d+/g)?.length, 2, row);
  });

  await given("the task that blocks without saying so is among the stalls", async () => {
    await until(() => document.querySelector("#stalls tbody").textContent.includes("forgot blocking()"));
  });

  await given("a task that waits says for how long, and what for", async () => {
    await until(() => [...document.querySelectorAll("#tasks tbody tr")].some((row) => row.cells[1].textContent === "waiting" && /^[0-9.]+ s$/.test(row.cells[2].textContent) && /^[0-9]+$/.test(row.cells[4].textContent) && row.cells[6].textContent.startsWith("a timer due in ")));
  });

  await given("the keyboard reaches everything: a filter, the theme, a pause, the help", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("slow query");
    await until(() => document.querySelectorAll("#tasks tbody tr").length === 1);
    assert.match(await text("#tasks tbody tr"), /slow query/);
    await page.keyboard.press("Escape");
    await until(() => document.querySelectorAll("#tasks tbody tr").length > 50);
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await back(), "rgb(14, 18, 25)");
    await page.keyboard.press("t");
    assert.equal(await back(), "rgb(244, 246, 249)");
    await page.keyboard.press("p");
    await until(() => document.querySelector("#status").textContent === "paused");
    await page.keyboard.press("p");
    await page.keyboard.press("?");
    assert.ok(await page.isVisible("#shortcuts"));
    await page.keyboard.press("Escape");
    assert.ok(!(await page.isVisible("#shortcuts")));
    const stops = [];
    await page.evaluate(() => document.activeElement.blur());
    for (let n = 0; n < 18; n += 1) {
      await page.keyboard.press("Tab");
      stops.push(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.state || document.activeElement.className));
    }
    for (const stop of ["pause", "record", "dump", "theme", "help", "running", "waiting", "filter"]) assert.ok(stops.includes(stop), `${stop} is not among ${stops}`);
  });

  await given("a recording is downloaded", async () => {
    await page.evaluate(() => document.activeElement.blur());
    const download = page.waitForEvent("download", { timeout: 30000 });
    await page.keyboard.press("r");
    assert.match((await download).suggestedFilename(), /^handover-.*\.pftrace$/);
  });

  const narrow = await open(360, 1180, "light");
  await given("nothing but tables is wider than a narrow screen", async () => {
    await narrow.waitForFunction(() => document.querySelectorAll("#tasks tbody tr").length > 50);
    assert.equal(await narrow.evaluate(() => document.documentElement.scrollWidth), 360);
  });

  if (screenshots) {
    const dark = await open(1360, 1180, "dark");
    await page.waitForTimeout(Number(process.env.WATCH_FOR ?? 20000));
    await Promise.all([[page, "light"], [dark, "dark"], [narrow, "narrow"]].map(([from, name]) => from.screenshot({ path: `${screenshots}/dashboard-${name}.png` })));
  }

  await given("the browser has nothing to complain of", async () => assert.deepEqual(complaints, []));

  await given("when the program has gone the page says so", async () => {
    process.kill(Number(process.env.EXAMPLE_PID), "SIGKILL");
    await until(() => document.querySelector("#status").textContent === "connection lost");
  });
} finally {
  await browser.close();
}
