// Keeps the page as it is on the server: on an event it is fetched again, and what differs is changed in place.
// Scroll, focus, selected text, open details and what is being typed survive; new rows wait until they are asked for.
import { clockOf, serverNow, setServerTime } from "./clock.js";

const AGAIN_MS = 10_000, SOON_MS = 200;
const connection = document.getElementById("connection");
let after = () => {};
let waiting = null;

const say = (state, text) => {
  connection.className = `connection ${state}`;
  // What counts down goes by the server's clock, which is only guessed at while nothing comes from it.
  document.body.classList.toggle("stale", state === "lost");
  if (connection.textContent !== text) connection.textContent = text;
};

const asOf = () => clockOf(serverNow());
let lastGood = asOf();

const fetchPage = async () => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.getElementById("main")) throw new Error("not a page");
  return { page, isGood: answer.status < 500 };
};

// An error keeps what was there: it stands above it, once, until a page comes again.
const tell = (page) => {
  const problem = page.querySelector("main .problem");
  if (!problem) throw new Error("not a page");
  document.getElementById("lost")?.remove();
  const told = document.importNode(problem, true);
  told.id = "lost";
  document.getElementById("main").prepend(told);
  say("lost", `as of ${lastGood}`);
};

const refresh = async () => {
  if (document.hidden || document.querySelector("dialog[open]")) { waiting = null; return; }
  waiting = null;
  try {
    const { page, isGood } = await fetchPage();
    if (!isGood) { tell(page); return; }
    setServerTime(page.body.dataset.now);
    lastGood = asOf();
    update(page);
    document.title = page.title;
    const said = page.getElementById("connection").textContent;
    if (said.includes("behind")) say("live", said);
    else if (document.body.dataset.stream) say("live", "live");
    else say("", `as of ${lastGood}`);
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
  let pending = holdRows(have, want);
  // Rows of a group are rows, too.
  for (const group of want.querySelectorAll(":scope > .group")) {
    const members = document.getElementById(group.id)?.querySelector(".members");
    if (members) pending += holdRows(members, group.querySelector(".members"));
  }
  if (pending > 0) {
    const noun = location.pathname.startsWith("/incidents") ? "incident" : "run";
    bar.hidden = false;
    bar.innerHTML = `<button type="button" class="small" id="show-new"></button>`;
    bar.firstChild.textContent = `${pending} new ${noun}${pending === 1 ? "" : "s"} · show`;
  }
};

const isGroup = (row) => row.classList.contains("group");

// How many rows are new. Those that are there keep their order.
const holdRows = (have, want) => {
  const isOwn = (row) => !row.classList.contains("child");
  const rows = [...have.children].filter(isOwn);
  const known = new Set(rows.map((row) => row.id));
  // Children that are unfolded come and go with their parent.
  const next = new Map();
  let last = null;
  for (const row of want.children) {
    if (isOwn(row)) next.set(row.id, last = [row]); else last?.push(row);
  }
  let pending = 0;
  for (const [id, [row]] of next) {
    if (!known.has(id)) pending += isGroup(row) ? row.querySelectorAll(".incident-row").length : 1;
  }
  const kept = rows.flatMap((row) => next.get(row.id) ?? [gone(row)]);
  want.replaceChildren(...kept);
  return pending;
};

// It is not in the list any more: nothing can be done to it.
const gone = (row) => {
  const copy = row.cloneNode(true);
  copy.classList.add("gone");
  for (const one of copy.querySelectorAll("button, input")) one.disabled = true;
  for (const one of copy.querySelectorAll("a.button")) one.remove();
  return copy;
};

document.addEventListener("click", (event) => {
  if (event.target.id !== "show-new") return;
  shownAll = true;
  refresh();
});

// What a person has changed themselves is theirs.
const THEIRS = new Set(["open", "value", "checked", "hidden"]);

// `element.id` of a form is its field of that name.
const idOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("id") : null);

const morph = (have, want) => {
  if (have.nodeType !== want.nodeType || have.nodeName !== want.nodeName) { have.replaceWith(document.importNode(want, true)); return; }
  if (have.nodeType !== Node.ELEMENT_NODE) { if (have.data !== want.data) have.data = want.data; return; }
  // A long history is kept by its own module.
  if (have.dataset?.own !== undefined) { have.dataset.total = want.dataset.total ?? have.dataset.total; return; }
  const isField = ["INPUT", "TEXTAREA", "SELECT", "DETAILS"].includes(have.nodeName);
  const isHere = have.classList.contains("here");
  for (const { name, value } of [...want.attributes]) {
    if (!(isField && THEIRS.has(name)) && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  if (isHere) have.classList.add("here");
  for (const { name } of [...have.attributes]) {
    const theirs = (isField || have.dataset?.copy) && THEIRS.has(name);
    if (!theirs && !want.hasAttribute(name)) have.removeAttribute(name);
  }
  if (have.nodeName === "TEXTAREA") return;
  morphChildren(have, want);
};

const morphChildren = (have, want) => {
  const keyed = new Map([...have.children].filter(idOf).map((child) => [idOf(child), child]));
  let cursor = have.firstChild;
  for (const next of [...want.childNodes]) {
    const id = idOf(next);
    let match = id ? keyed.get(id) : null;
    if (!match && !id && cursor && !idOf(cursor) && cursor.nodeName === next.nodeName) match = cursor;
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
  const { stream: path, again } = document.body.dataset;
  if (!path && again) {
    setInterval(soon, again * 1000);
    document.addEventListener("visibilitychange", soon);
  }
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
