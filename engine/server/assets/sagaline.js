// Keeps a page live that is whole without this. Each module does one thing and needs no other but the clock.
import { tick, startClock, toggleZone, zoneName } from "./clock.js";
import { startLive } from "./live.js";
import { startKeys, showKeys } from "./keys.js";
import { startActs, toast } from "./acts.js";
import { growHistory, startHistory } from "./history.js";

const YEAR = 365 * 24 * 3600;

// The next page is rendered as modules want it: relative times from the start, the theme without a flash.
const remember = (name, value) => {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; SameSite=Strict`;
};
remember("sl_live", "1");

for (const id of ["times", "theme", "keys"]) document.getElementById(id).hidden = false;

const theme = document.getElementById("theme");
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme === "system" ? (dark ? "dark" : "light") : root.dataset.theme;
  root.dataset.theme = now === "dark" ? "light" : "dark";
  remember("sl_theme", root.dataset.theme);
});

const times = document.getElementById("times");
const nameZone = () => { times.textContent = zoneName(); };
times.addEventListener("click", () => { toggleZone(); nameZone(); tick(); });
nameZone();

document.getElementById("keys").addEventListener("click", showKeys);

// Copies an id, or a command when it is clicked twice.
const copyable = () => document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
  toast("copied");
});
copyable();

// One menu is open at a time; a click elsewhere closes it.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// How many rows are selected; without modules nobody counts them.
const countSelected = () => {
  const selected = document.getElementById("selected");
  if (selected) selected.textContent = `${document.querySelectorAll('#rows input[name="id"]:checked').length} selected`;
};

// Columns are in the address, so that a link shows the same.
document.addEventListener("change", (event) => {
  if (event.target.dataset.column !== undefined) {
    const wanted = [...document.querySelectorAll("[data-column]:checked")].map((box) => box.dataset.column);
    const url = new URL(location.href);
    url.searchParams.set("columns", wanted.join(",") || "workflow");
    location.assign(url);
  }
  if (event.target.id === "all") {
    document.querySelectorAll('#rows input[name="id"]').forEach((box) => { box.checked = event.target.checked; });
  }
  countSelected();
});
const all = document.getElementById("all");
if (all) all.hidden = false;

// A note is said once: a reload or a shared link does not say it again.
const url = new URL(location.href);
if (url.searchParams.has("done")) {
  url.searchParams.delete("done");
  url.searchParams.delete("event");
  history.replaceState(null, "", url);
}

// A row that is solved goes after a while, and the address forgets it.
const GOES_MS = 10_000;
const goes = new Set();
const letGo = () => {
  for (const row of document.querySelectorAll("[data-over]")) {
    const id = row.dataset.over;
    if (goes.has(id)) continue;
    goes.add(id);
    setTimeout(() => {
      const here = new URL(location.href);
      const rest = (here.searchParams.get("follow") ?? "").split(",").filter((one) => one && one !== id);
      if (rest.length > 0) here.searchParams.set("follow", rest.join(",")); else here.searchParams.delete("follow");
      history.replaceState(null, "", here);
      const gone = document.querySelector(`[data-over="${CSS.escape(id)}"]`);
      const group = gone?.closest(".group");
      gone?.remove();
      if (group && !group.querySelector(".incident-row")) group.remove();
    }, GOES_MS);
  }
};

startClock();
startActs();
startKeys();
startHistory();
startLive(() => { copyable(); countSelected(); growHistory(); tick(); letGo(); });
letGo();
