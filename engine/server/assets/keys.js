// Keys: off in fields, and can be switched off. `?` tells them.
import { toast } from "./acts.js";

const KEYS = [
  ["?", "these keys"], ["/", "search"], ["g w", "workflows"], ["g i", "incidents"], ["g s", "schedules"], ["g q", "task queues"],
  ["j  k", "next, previous row (of incidents: J for the previous)"], ["Enter", "open"], ["x  X", "select, select all that match"],
  [".", "acts"], ["Esc", "back"], ["y", "copy link"], ["1 … 7", "counts, or tabs"], ["r", "retry now"], ["s", "signal"], ["c", "cancel"],
  ["e  k  f  o", "of an incident: change input, skip, fail, open run"], ["n  p", "next, previous failure"], ["[  ]", "previous, next event"],
  ["e", "open all values"], ["+  −  0", "zoom"], ["t", "UTC or local"],
];

const PLACES = { w: "/workflows", i: "/incidents", s: "/schedules", q: "/task-queues" };
const ROWS = "#rows > tr, #rows .incident-row, #decisions li";

const isOff = () => localStorage.getItem("keys") === "off";

export const showKeys = () => {
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  const list = KEYS.map(([key, what]) => `<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`).join("");
  dialog.innerHTML = `<div class="card"><h2>Keys</h2><dl>${list}</dl><p><label><input type="checkbox"> keys are on</label></p><p class="acts"><button type="button">Close</button></p></div>`;
  const box = dialog.querySelector("input");
  box.checked = !isOff();
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("button").focus();
};

let afterG = 0;

const move = (step, selector) => {
  const rows = [...document.querySelectorAll(selector)].filter((row) => row.checkVisibility());
  if (rows.length === 0) return;
  const before = document.querySelector(".here");
  const next = rows[Math.min(Math.max(rows.indexOf(before) + step, 0), rows.length - 1)];
  before?.classList.remove("here");
  next.classList.add("here");
  next.scrollIntoView({ block: "nearest" });
};

const FAILURES = "tr.failure, .calls tr:has(.state.failed)";
const EVENTS = "#events tbody tr[id]";

const toFailure = (step) => {
  if ([...document.querySelectorAll(FAILURES)].some((row) => row.checkVisibility())) move(step, FAILURES);
  else document.querySelector("a[data-failures]")?.click();
};

// An act of the list is done to what is selected, else to the row.
const actOnSelected = (value) => {
  const bulk = document.querySelector(".bulk");
  const row = document.querySelector(".here");
  if (!bulk) return false;
  if (!document.querySelector('#rows input[name="id"]:checked')) row?.querySelector('input[name="id"]')?.click();
  const button = bulk.querySelector(value ? `button[value="${value}"]` : "button");
  if (!button?.checkVisibility()) return true;
  if (value) button.click(); else button.focus();
  return true;
};

const menu = () => {
  const summary = document.querySelector(".run-head .menu:not(.runs) > summary");
  summary?.click();
  summary?.focus();
};

const act = (key) => {
  const row = document.querySelector(".here");
  const own = row?.querySelector(`[data-row-key="${CSS.escape(key)}"]`);
  if (own) { own.click(); return true; }
  switch (key) {
    case "?": showKeys(); return true;
    case "/": document.querySelector('[data-key="/"]')?.focus(); return true;
    case "j": move(1, ROWS); return true;
    case "J": move(-1, ROWS); return true;
    case "k": if (document.querySelector('[data-key="k"]')) break; move(-1, ROWS); return true;
    case "n": toFailure(1); return true;
    case "p": toFailure(-1); return true;
    case "]": move(1, EVENTS); return true;
    case "[": move(-1, EVENTS); return true;
    case "x": row?.querySelector('input[name="id"]')?.click(); return true;
    case "Enter": row?.querySelector("a.id, summary")?.click(); return Boolean(row);
    case ".": if (!actOnSelected("")) menu(); return true;
    case "r": if (document.getElementById("batch")) return actOnSelected("retry"); break;
    case "c": if (document.getElementById("batch")) return actOnSelected("cancel"); break;
    case "e": {
      const all = [...document.querySelectorAll("main details:not(.menu)")];
      const open = all.some((one) => !one.open);
      all.forEach((one) => { one.open = open; });
      return true;
    }
    case "t": document.getElementById("times").click(); return true;
    case "y": navigator.clipboard.writeText(location.href).then(() => toast("link copied")); return true;
    case "Escape":
      if (document.querySelector("details.menu[open]")) document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
      else if (location.pathname !== "/workflows" && location.pathname !== "/") document.querySelector(".crumbs a, .top nav a[aria-current]")?.click();
      return true;
  }
  const target = (row ?? document).querySelector(`[data-key="${CSS.escape(key)}"]`) ?? document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  target?.click();
  return Boolean(target);
};

export const startKeys = () => {
  document.addEventListener("keydown", (event) => {
    if (isOff() && event.key !== "?") return;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (field) { if (event.key === "Escape") field.blur(); return; }
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (event.key === "g") { afterG = performance.now(); return; }
    if (performance.now() - afterG < 1200 && PLACES[event.key]) { location.assign(PLACES[event.key]); return; }
    if (act(event.key)) event.preventDefault();
  });
};
