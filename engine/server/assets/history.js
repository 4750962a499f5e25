// A history of any length: the window that the page came with grows where it is scrolled to, and what is far away goes again.
// The rest is empty room of about the height that it would have, so the scroll bar is that of the whole history.
import { tick } from "./clock.js";

const WINDOW = 200, KEPT_MAX = 600, NEAR_PX = 1500, SOON_MS = 60;

let box = null, body, above, below, total, rowHeight;
let busy = false, soon = null;

const seqOf = (row) => Number(row.id.slice("event-".length));
const rows = () => [...body.querySelectorAll("tr[id]")];
const first = () => seqOf(above.nextElementSibling);
const last = () => seqOf(below.previousElementSibling);

const room = () => {
  const row = document.createElement("tr");
  row.className = "room";
  row.append(document.createElement("td"));
  return row;
};

const place = () => {
  above.style.height = `${(first() - 1) * rowHeight}px`;
  below.style.height = `${(total - last()) * rowHeight}px`;
};

// Changes rows; the one that is looked at stays where it is.
const change = (how) => {
  const seen = rows().find((row) => row.getBoundingClientRect().bottom > 0);
  const before = seen?.getBoundingClientRect().top;
  how();
  place();
  tick();
  if (seen?.isConnected) window.scrollBy(0, seen.getBoundingClientRect().top - before);
};

const read = async (seq) => {
  const url = new URL(location.href);
  url.searchParams.set("at", seq);
  url.searchParams.delete("all");
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...page.querySelectorAll("#events tr[id]")].map((row) => document.importNode(row, true));
};

const earlier = async () => {
  const from = first();
  const found = (await read(Math.max(from - WINDOW, 1))).filter((row) => seqOf(row) < from);
  change(() => {
    above.after(...found);
    for (const row of rows().slice(KEPT_MAX)) row.remove();
  });
};

const later = async () => {
  const to = last();
  const found = (await read(to + 1)).filter((row) => seqOf(row) > to);
  change(() => {
    below.before(...found);
    for (const row of rows().slice(0, -KEPT_MAX)) row.remove();
  });
  return found.length > 0;
};

// What is looked at is far from all that is there.
const jump = async (seq) => {
  const found = await read(Math.min(Math.max(seq - WINDOW / 2, 1), total));
  if (found.length === 0) return;
  for (const row of rows()) row.remove();
  above.after(...found);
  place();
  tick();
};

// The event in the middle of the window, where that is empty room.
const missing = () => {
  const middle = innerHeight / 2;
  const [from, to] = [above.getBoundingClientRect().bottom, below.getBoundingClientRect().top];
  if (from > middle) return first() - Math.ceil((from - middle) / rowHeight);
  if (to < middle) return last() + Math.ceil((middle - to) / rowHeight);
  return null;
};

const look = async () => {
  soon = null;
  if (busy) return;
  busy = true;
  try {
    for (let again = true; again;) {
      again = false;
      const seq = missing();
      if (seq !== null) { await jump(seq); again = missing() !== null; continue; }
      if (first() > 1 && above.getBoundingClientRect().bottom > -NEAR_PX) await earlier();
      if (last() < total && below.getBoundingClientRect().top < innerHeight + NEAR_PX) await later();
    }
    remember();
  } catch { /* the next scroll tries again */ } finally {
    busy = false;
  }
};

// A link to this page shows the same part of the history.
const remember = () => {
  const seen = rows().find((row) => row.getBoundingClientRect().top >= 0);
  if (!seen) return;
  const url = new URL(location.href);
  url.searchParams.set("at", seqOf(seen));
  url.hash = "";
  history.replaceState(null, "", url);
};

// Events that came meanwhile.
export const growHistory = () => {
  if (!box) return;
  total = Math.max(Number(box.dataset.total), last());
  place();
  soon ??= setTimeout(look, SOON_MS);
};

export const startHistory = () => {
  const found = document.querySelector("#events[data-total]");
  const there = found?.querySelectorAll("tbody tr[id]") ?? [];
  if (there.length === 0 || there.length >= Number(found.dataset.total)) return;
  box = found;
  box.dataset.own = "";
  body = box.querySelector("tbody");
  total = Number(box.dataset.total);
  rowHeight = body.offsetHeight / there.length;
  [above, below] = [room(), room()];
  body.prepend(above);
  body.append(below);
  place();
  history.scrollRestoration = "manual";
  const at = new URL(location.href).searchParams.get("at");
  const wanted = document.querySelector("tr:target") ?? document.getElementById(`event-${at}`) ?? (at > last() ? rows().at(-1) : null);
  if (wanted) {
    wanted.classList.add("here");
    wanted.scrollIntoView({ block: "center" });
  }
  addEventListener("scroll", () => { soon ??= setTimeout(look, SOON_MS); }, { passive: true });
};
