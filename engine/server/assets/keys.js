// Keys: off in fields, and can be switched off. `?` tells them.
import { toast } from "./acts.js";

const KEYS = [
  ["?", "these keys"], ["/", "search"], ["g w", "workflows"], ["g i", "incidents"], ["g s", "schedules"], ["g q", "task queues"],
  ["j  k", "next, previous row"], ["Enter", "open"], ["x", "select"], ["Esc", "back"], ["y", "copy link"], ["1 … 7", "counts, or tabs"],
  ["r", "retry now"], ["s", "signal"], ["c", "cancel"], ["n  p", "next, previous failure"], ["e", "open all values"], ["+  −  0", "zoom"],
  ["t", "UTC or local"],
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
let here = -1;

const move = (step, selector) => {
  const rows = [...document.querySelectorAll(selector)];
  if (rows.length === 0) return;
  here = Math.min(Math.max(here + step, 0), rows.length - 1);
  document.querySelector(".here")?.classList.remove("here");
  rows[here].classList.add("here");
  rows[here].scrollIntoView({ block: "nearest" });
};

const act = (key) => {
  const row = document.querySelector(".here");
  switch (key) {
    case "?": showKeys(); return true;
    case "/": document.querySelector('[data-key="/"]')?.focus(); return true;
    case "j": move(1, ROWS); return true;
    case "k": if (document.querySelector('[data-key="k"]')) break; move(-1, ROWS); return true;
    case "n": move(1, "tr.failure"); return true;
    case "p": move(-1, "tr.failure"); return true;
    case "x": row?.querySelector('input[name="id"]')?.click(); return true;
    case "Enter": row?.querySelector("a.id")?.click(); return Boolean(row);
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
