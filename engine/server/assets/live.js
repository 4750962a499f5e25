// Keeps the page as it is on the server: on an event it is fetched again, and what differs is changed in place.
// Scroll, focus, selected text, open details and what is being typed survive; new rows wait until they are asked for.
import { serverNow, setServerTime } from "./clock.js";

const AGAIN_MS = 10_000, SOON_MS = 200;
const connection = document.getElementById("connection");
let after = () => {};
let pending = 0;
let waiting = null;

const say = (state, text) => {
  connection.className = `connection ${state}`;
  if (connection.textContent !== text) connection.textContent = text;
};

const asOf = () => new Date(serverNow()).toISOString().slice(11, 19);
let lastGood = asOf();

const fetchPage = async () => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.getElementById("main")) throw new Error("not a page");
  return page;
};

const refresh = async () => {
  if (document.hidden || document.querySelector("dialog[open]")) { waiting = null; return; }
  waiting = null;
  try {
    const page = await fetchPage();
    setServerTime(page.body.dataset.now);
    lastGood = asOf();
    update(page);
    document.title = page.title;
    const said = page.getElementById("connection").textContent;
    say("live", said.includes("behind") ? said : "live");
  } catch {
    say("lost", `reconnecting, as of ${lastGood}`);
  }
};

const soon = () => { waiting ??= setTimeout(refresh, SOON_MS); };

const update = (page) => {
  hold(page);
  // What was just done is said as long as the page is looked at.
  const note = document.getElementById("note");
  if (note && !page.getElementById("note")) page.getElementById("main").prepend(note.cloneNode(true));
  morph(document.getElementById("main"), page.getElementById("main"));
  morph(document.querySelector(".top nav"), page.querySelector(".top nav"));
  after();
};

// Rows that are not shown yet wait behind a bar; those that do not match any more stay until then.
let shownAll = false;
const hold = (page) => {
  const [have, want] = [document.getElementById("rows"), page.getElementById("rows")];
  const bar = page.getElementById("new-rows");
  if (!have || !want || !bar || shownAll) { shownAll = false; return; }
  const isOwn = (row) => !row.classList.contains("child");
  const rows = [...have.children].filter(isOwn);
  const known = new Set(rows.map((row) => row.id));
  // Children that are unfolded come and go with their parent.
  const next = new Map();
  let last = null;
  for (const row of want.children) {
    if (isOwn(row)) next.set(row.id, last = [row]); else last?.push(row);
  }
  pending = [...next.keys()].filter((id) => !known.has(id)).length;
  const kept = rows.flatMap((row) => next.get(row.id) ?? [row.cloneNode(true)]);
  want.replaceChildren(...kept);
  if (pending > 0) {
    const noun = location.pathname.startsWith("/incidents") ? "incident" : "run";
    bar.hidden = false;
    bar.innerHTML = `<button type="button" class="small" id="show-new"></button>`;
    bar.firstChild.textContent = `${pending} new ${noun}${pending === 1 ? "" : "s"} · show`;
  }
};

document.addEventListener("click", (event) => {
  if (event.target.id !== "show-new") return;
  shownAll = true;
  refresh();
});

// What a person has changed themselves is theirs.
const THEIRS = new Set(["open", "value", "checked", "hidden"]);

const morph = (have, want) => {
  if (have.nodeType !== want.nodeType || have.nodeName !== want.nodeName) { have.replaceWith(document.importNode(want, true)); return; }
  if (have.nodeType !== Node.ELEMENT_NODE) { if (have.data !== want.data) have.data = want.data; return; }
  const isField = ["INPUT", "TEXTAREA", "SELECT", "DETAILS"].includes(have.nodeName);
  for (const { name, value } of [...want.attributes]) {
    if (!(isField && THEIRS.has(name)) && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  for (const { name } of [...have.attributes]) {
    const theirs = (isField || have.dataset?.copy) && THEIRS.has(name);
    if (!theirs && !want.hasAttribute(name)) have.removeAttribute(name);
  }
  if (have.nodeName === "TEXTAREA") return;
  morphChildren(have, want);
};

const morphChildren = (have, want) => {
  const keyed = new Map([...have.children].filter((child) => child.id).map((child) => [child.id, child]));
  let cursor = have.firstChild;
  for (const next of [...want.childNodes]) {
    let match = next.id ? keyed.get(next.id) : null;
    if (!match && !next.id && cursor && !cursor.id && cursor.nodeName === next.nodeName) match = cursor;
    if (!match) { have.insertBefore(document.importNode(next, true), cursor); continue; }
    if (match === cursor) cursor = cursor.nextSibling;
    else have.insertBefore(match, cursor);
    morph(match, next);
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextSibling;
    gone.remove();
  }
};

export const startLive = (then) => {
  after = then;
  const path = document.body.dataset.stream;
  if (!path) return;
  let stream = null;
  const changed = (event) => {
    try { setServerTime(JSON.parse(event.data).server_time); } catch { /* the page that is fetched says it */ }
    soon();
  };
  const connect = () => {
    stream = new EventSource(path);
    stream.onopen = () => { say("live", "live"); };
    stream.onerror = () => {
      // A server that has no such stream, or wants a token for it, ends it for good; the page is still fetched now and then.
      const isOver = stream.readyState === EventSource.CLOSED;
      say(isOver ? "" : "lost", `${isOver ? "" : "reconnecting, "}as of ${lastGood}`);
    };
    for (const name of ["workflows", "workflow", "incidents", "reload"]) stream.addEventListener(name, changed);
    stream.addEventListener("hello", (event) => {
      try { setServerTime(JSON.parse(event.data).server_time); } catch { /* the next page says it */ }
    });
  };
  connect();
  setInterval(soon, AGAIN_MS);
  // A browser has but few connections to a server: a page that nobody looks at holds none.
  document.addEventListener("visibilitychange", () => {
    stream.close();
    if (document.hidden) return;
    connect();
    soon();
  });
};
