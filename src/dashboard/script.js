// What does the page show? One event at a time; all text from the program is set as text, never as markup.
"use strict";

const HISTORY = 240;
const LONG = 10;
const $ = (id) => document.getElementById(id);
const history = { rate: [], threads: [], queued: [], strips: [] };
let last = null;
let before = null;
let paused = false;
let lost = false;

// ---- words -----------------------------------------------------------------------------------------------------------

function time(millis) {
  if (millis === undefined || millis === null) return "";
  const [value, unit] = millis < 1 ? [millis * 1000, "µs"] : millis < 1000 ? [millis, "ms"] : millis < 60000 ? [millis / 1000, "s"] : millis < 3600000 ? [millis / 60000, "min"] : [millis / 3600000, "h"];
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

/** Of a wait, which is known to a tenth of a second. */
function waited(millis) {
  if (millis < 100) return "< 0.1 s";
  return millis < 10000 ? `${(millis / 1000).toFixed(1)} s` : time(millis);
}

function count(number) {
  if (number < 10000) return String(Math.round(number));
  return number < 1e6 ? `${(number / 1e3).toFixed(1)} k` : `${(number / 1e6).toFixed(2)} M`;
}

function text(id, value) {
  const element = $(id);
  if (element.textContent !== value) element.textContent = value;
}

/** A path with a possible line break behind each slash, and the whole of it on hover. */
function site(where) {
  const code = document.createElement("code");
  const parts = String(where ?? "").split("/");
  parts.forEach((part, n) => {
    code.append(n + 1 < parts.length ? `${part}/` : part);
    if (n + 1 < parts.length) code.append(document.createElement("wbr"));
  });
  return code;
}

function badge(word, kind) {
  const span = document.createElement("span");
  span.className = `badge ${kind}`;
  span.textContent = word;
  return span;
}

/** Fills a table; a cell is a text, a node, or a list of them. */
function rows(id, list) {
  const body = $(id).tBodies[0];
  const numbers = [...$(id).tHead.rows[0].cells].map((cell) => cell.classList.contains("number"));
  body.replaceChildren(...list.map((cells) => {
    const row = document.createElement("tr");
    cells.forEach((cell, n) => {
      const td = row.insertCell();
      if (numbers[n]) td.className = "number";
      td.append(...[cell].flat().filter((part) => part !== "" && part !== undefined));
    });
    return row;
  }));
}

// ---- drawing ---------------------------------------------------------------------------------------------------------

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function context(canvas) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  return [draw, width, height];
}

function drawStrip(canvas, columns) {
  const [draw, width, height] = context(canvas);
  const step = width / HISTORY;
  columns.forEach((column, n) => {
    const x = width - (columns.length - n) * step;
    let y = height;
    for (const [name, share] of column) {
      if (share <= 0) continue;
      draw.fillStyle = color(name);
      draw.fillRect(x, y - share * height, step + 0.5, share * height);
      y -= share * height;
    }
  });
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value) ?? 10 * power;
}

function drawChart(canvas, lines) {
  const [draw, width, height] = context(canvas);
  const [left, bottom, top] = [38, 16, 6];
  const most = niceCeiling(Math.max(4, ...lines.flatMap((line) => line.values)));
  const y = (value) => height - bottom - (value / most) * (height - bottom - top);
  const x = (n, length) => width - ((length - 1 - n) * (width - left)) / (HISTORY - 1);
  draw.font = "11px system-ui, sans-serif";
  draw.lineWidth = 1;
  for (const part of [0, 0.5, 1]) {
    draw.strokeStyle = color("line");
    draw.beginPath();
    draw.moveTo(left, Math.round(y(most * part)) + 0.5);
    draw.lineTo(width, Math.round(y(most * part)) + 0.5);
    draw.stroke();
    draw.fillStyle = color("muted");
    draw.textAlign = "right";
    draw.fillText(count(most * part), left - 6, y(most * part) + 4);
  }
  draw.textAlign = "left";
  draw.fillText("60 s ago", left, height - 3);
  draw.textAlign = "right";
  draw.fillText("now", width, height - 3);
  for (const { values, name, fill } of lines) {
    if (values.length < 2) continue;
    draw.beginPath();
    values.forEach((value, n) => draw.lineTo(x(n, values.length), y(value)));
    draw.strokeStyle = color(name);
    draw.lineWidth = 1.75;
    draw.lineJoin = "round";
    draw.stroke();
    if (fill) {
      draw.lineTo(width, y(0));
      draw.lineTo(x(0, values.length), y(0));
      draw.globalAlpha = 0.14;
      draw.fillStyle = color(name);
      draw.fill();
      draw.globalAlpha = 1;
    }
  }
}

// ---- parts -----------------------------------------------------------------------------------------------------------

function remember(list, value) {
  list.push(value);
  if (list.length > HISTORY) list.shift();
}

/** Blocked in the kernel without having said so. */
function isStalled(holder) {
  return holder !== undefined && holder.state === "running" && holder.blocked && holder.millis > LONG;
}

function note(now) {
  const seconds = before ? (now.millis - before.millis) / 1000 : 0;
  const rate = seconds > 0 ? (now.totals.handoffs - before.totals.handoffs) / seconds : 0;
  remember(history.rate, rate);
  remember(history.threads, now.threads.alive);
  remember(history.queued, now.queued);
  now.processors.forEach((processor, n) => {
    const all = Math.max(1, processor.running + processor.call + processor.idle + processor.other);
    const column = [
      [isStalled(processor.holder) ? "blocked" : "running", processor.running / all],
      ["call", processor.call / all],
      ["muted", processor.other / all],
      ["idle", processor.idle / all],
    ];
    remember(history.strips[n] ??= [], column);
  });
  before = now;
}

function showTiles(now) {
  const { threads, calls, delay, out } = now;
  text("tile-tasks", count(now.task_count));
  text("tile-tasks-more", `${count(now.totals.polls)} polls so far`);
  text("tile-queued", count(now.queued));
  text("tile-queued-more", `${count(now.injected)} of them injected`);
  text("tile-threads", `${threads.alive} / ${count(threads.most)}`);
  text("tile-threads-more", `${threads.running} run · ${threads.call} out · ${threads.spare} spare`);
  bar("bar-threads", [threads.running, threads.call, threads.spare], threads.most);
  text("tile-calls", `${calls.out} / ${count(calls.most)}`);
  text("tile-calls-more", calls.waiting ? `${count(calls.waiting)} wait for a place` : out.count ? `p99 ≤ ${time(out.p99)}` : "none waits");
  bar("bar-calls", [calls.out], calls.most);
  const rate = history.rate.at(-1) ?? 0;
  text("tile-handoffs", count(rate));
  text("tile-handoffs-more", `${count(now.totals.handoffs)} so far`);
  text("rate-now", delay.count ? `delay p50 ≤ ${time(delay.p50)}, p90 ≤ ${time(delay.p90)}, p99 ≤ ${time(delay.p99)}` : "");
  text("tile-delay", delay.count ? `≤ ${time(delay.p50)}` : "–");
  text("tile-delay-more", delay.count ? `p99 ≤ ${time(delay.p99)}` : "none in 10 s");
  text("tile-stalls", count(now.totals.stalls));
  text("tile-stalls-more", "undeclared blocking");
  $("tile-stalls").parentElement.classList.toggle("warn", now.held.some(isStalled));
  $("tile-calls").parentElement.classList.toggle("warn", calls.waiting > 0);
}

function bar(id, values, most) {
  [...$(id).children].forEach((part, n) => {
    part.style.width = `${Math.min(100, (100 * values[n]) / Math.max(1, most))}%`;
  });
}

function showProcessors(now) {
  const box = $("processors");
  while (box.children.length < now.processors.length) {
    const row = document.createElement("div");
    row.className = "processor";
    const [label, strip, doing] = ["span", "canvas", "span"].map((name) => document.createElement(name));
    label.className = "label";
    label.textContent = `P${box.children.length}`;
    strip.setAttribute("role", "img");
    doing.className = "now";
    row.append(label, strip, doing);
    box.append(row);
  }
  now.processors.forEach((processor, n) => {
    const [, strip, doing] = box.children[n].children;
    drawStrip(strip, history.strips[n]);
    const { holder } = processor;
    const state = holder === undefined ? (processor.idle > 0 ? "idle" : "between tasks") : isStalled(holder) ? "blocked" : holder.state === "call" ? "in a call" : "runs";
    const kind = state === "blocked" ? "blocked" : state === "in a call" ? "call" : state === "runs" ? "running" : "";
    const where = holder ? ` ${holder.name ?? holder.call ?? holder.spawned_at ?? ""}${holder.millis > 1 ? `, ${time(holder.millis)}` : ""}` : "";
    const queued = processor.queued ? ` · ${processor.queued} queued` : "";
    doing.replaceChildren(badge(state, kind), `${where}${queued}`);
    doing.title = where.trim();
    strip.setAttribute("aria-label", `P${n}: ${state}${where}${queued}`);
  });
}

function who(one) {
  return one.name === undefined ? `${one.task ?? one.id}` : `${one.name} (${one.task ?? one.id})`;
}

function showHeld(now) {
  const kind = (one) => (one.state === "call" ? badge("call", "call") : one.blocked ? badge("blocked", "blocked") : badge("computes", "running"));
  rows("held", now.held.map((one) => [
    time(one.millis), kind(one), one.call ? site(one.call) : one.channel ? site(one.channel) : "", who(one), site(one.spawned_at),
    `${one.thread}${one.processor === undefined ? "" : ` on P${one.processor}`}`,
  ]));
  $("held").hidden = now.held.length === 0;
  $("held-empty").hidden = now.held.length > 0;
}

function shownStates() {
  return new Set([...document.querySelectorAll(".filters [aria-pressed=true]")].map((button) => button.dataset.state));
}

function showTasks(now) {
  const states = shownStates();
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (task) => {
    const all = [task.id, task.name, task.spawned_at, task.state, task.call, ...(task.waits ?? [])].join(" ").toLowerCase();
    return (states.has(task.state) || task.state === "over") && words.every((word) => all.includes(word));
  };
  const shown = now.tasks.filter(matches);
  const name = (state) => (state === "call" ? "in a call" : state);
  rows("tasks", shown.map((task) => [
    `${task.id}`, badge(name(task.state), task.state), task.state === "waiting" ? waited(task.millis) : time(task.millis), `${task.exact ? "" : "> "}${time(task.age)}`, count(task.polls),
    task.name === undefined ? site(task.spawned_at) : [task.name, " ", site(task.spawned_at)],
    task.call ? site(task.call) : task.waits ? task.waits.join(", or ") : task.state === "waiting" ? "to be woken" : "",
  ]));
  text("tasks-note", `${shown.length} of ${count(now.task_count)} tasks shown${now.task_count > now.tasks.length ? "; listed are those longest in a poll or call, then the queued, then those that have waited longest" : ""}. Ages are from when this page first saw a task.`);
}

function showSites(now) {
  const most = Math.max(1, ...now.sites.map((one) => one.count));
  rows("sites", now.sites.map((one) => {
    const parts = document.createElement("div");
    parts.className = "bar";
    for (const name of ["running", "call", "queued", "waiting"]) {
      const part = document.createElement("i");
      part.className = name === "waiting" ? "spare" : name;
      part.style.width = `${(100 * one[name]) / most}%`;
      parts.append(part);
    }
    parts.title = `${one.running} running, ${one.call} in calls, ${one.queued} queued, ${one.waiting} waiting`;
    return [site(one.spawned_at), count(one.count), parts];
  }));
}

function showStalls(now) {
  rows("stalls", now.stalls.map((one) => [
    time(one.millis), one.name === undefined ? site(one.spawned_at) : [one.name, " ", site(one.spawned_at)], site(one.channel ?? ""), `${time(one.ago)} ago`,
  ]));
  $("stalls").hidden = now.stalls.length === 0;
  $("stalls-empty").hidden = now.stalls.length > 0;
}

function showStatus(now) {
  const [word, kind] = lost ? ["connection lost", "bad"] : now.ended ? ["the runtime has ended", "bad"] : now.closing ? ["shutting down", "bad"] : now.wedged ? ["wedged", "bad"] : paused ? ["paused", ""] : ["live", "live"];
  text("status", word);
  $("status").className = `pill ${kind}`;
  text("uptime", now.ended ? "" : `watched for ${time(now.millis)}`);
  $("alarm").hidden = !now.wedged;
  text("alarm", now.wedged ? `Wedged: all ${now.threads.alive} threads that there may be are held up, and ${now.queued} tasks wait. See “Held up”.` : "");
}

function draw() {
  if (last === null) return;
  showStatus(last);
  showTiles(last);
  showProcessors(last);
  showHeld(last);
  drawChart($("rate"), [{ values: history.rate, name: "running", fill: true }]);
  drawChart($("thread"), [{ values: history.threads, name: "call" }, { values: history.queued, name: "queued", fill: true }]);
  showTasks(last);
  showSites(last);
  showStalls(last);
}

// ---- what comes, and what the user does ------------------------------------------------------------------------------

function connect() {
  const events = new EventSource("/events");
  events.onmessage = (event) => {
    const now = JSON.parse(event.data);
    if (before !== null && now.millis < before.millis) before = null;
    lost = false;
    note(now);
    if (paused) return;
    last = now;
    draw();
  };
  events.onerror = () => {
    // The browser tries again by itself, unless it was refused.
    lost = true;
    if (last === null) text("status", "connection lost");
    else showStatus(last);
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

const THEMES = ["auto", "light", "dark"];

function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
  try {
    localStorage.setItem("theme", name);
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
  draw();
}

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function togglePause() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Go on" : "Pause";
  if (last !== null) showStatus(last);
}

async function record() {
  const button = $("record");
  if (button.disabled) return;
  button.disabled = true;
  button.textContent = "Recording…";
  try {
    const answer = await fetch("/record");
    if (!answer.ok) throw new Error(await answer.text());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `handover-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.pftrace`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    button.textContent = "Record 5 s";
  } catch (error) {
    button.textContent = "Not recorded";
    button.title = String(error.message);
  }
  button.disabled = false;
}

const KEYS = {
  "/": () => $("filter").focus(),
  p: togglePause,
  r: record,
  t: () => $("theme").click(),
  d: () => $("dump").click(),
  "?": () => $("shortcuts").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("shortcuts").open) return;
  if (event.target === $("filter")) {
    if (event.key === "Escape") {
      $("filter").value = "";
      $("filter").blur();
      draw();
    }
    return;
  }
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

$("pause").addEventListener("click", togglePause);
$("record").addEventListener("click", record);
$("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]));
$("help").addEventListener("click", () => $("shortcuts").showModal());
$("filter").addEventListener("input", draw);
document.querySelectorAll(".filters button").forEach((button) =>
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    draw();
  }));
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (THEMES.includes(storedTheme())) setTheme(storedTheme());
connect();
