// Ages and countdowns by the server's clock, which every page and event carries; never by the browser's.
const start = { server: Date.parse(document.body.dataset.now), local: performance.now() };

export const serverNow = () => start.server + (performance.now() - start.local);

// A page or an event that came later knows the time better, unless it was long under way.
export const setServerTime = (iso) => {
  const server = Date.parse(iso);
  if (Number.isNaN(server)) return;
  start.server = server;
  start.local = performance.now();
};

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export const age = (ms) => {
  if (ms < MINUTE) return `${Math.floor(Math.max(ms, 0) / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} days`;
};

const left = (ms) => {
  if (ms >= HOUR) return age(ms);
  const seconds = Math.max(Math.ceil(ms / SECOND), 1);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

const countdown = (ms) => {
  if (ms > 0) return left(ms);
  return ms > -SECOND ? "due now" : `due ${age(-ms)} ago`;
};

const forms = {
  starts: (ms) => (ms > 0 ? `starts in ${left(ms)}` : ms > -SECOND ? "is due now" : `was due ${age(-ms)} ago`),
  "gives-up": (ms) => (ms > 0 ? `gives up in ${age(ms)}` : "gives up now"),
};

const ago = (ms) => (ms < SECOND ? "now" : `${age(ms)} ago`);

let local = localStorage.getItem("times") === "local";
export const zoneName = () => (local ? "local" : "UTC");
export const toggleZone = () => {
  local = !local;
  localStorage.setItem("times", local ? "local" : "utc");
};

const parts = (at) => {
  const form = new Intl.DateTimeFormat("en-GB", {
    timeZone: local ? undefined : "UTC", hourCycle: "h23",
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  return Object.fromEntries(form.formatToParts(at).map((part) => [part.type, part.value]));
};

const clock = (at, now) => {
  const [one, other] = [parts(at), parts(now)];
  const time = `${one.hour}:${one.minute}`;
  if (one.year !== other.year) return `${one.day} ${one.month} ${one.year}, ${time}`;
  if (one.month !== other.month || one.day !== other.day) return `${one.day} ${one.month}, ${time}`;
  return `${time}:${one.second}`;
};

const whole = (at) => {
  const one = parts(at);
  return `${one.day} ${one.month} ${one.year}, ${one.hour}:${one.minute}:${one.second} ${local ? "local time" : "UTC"}`;
};

const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

export const tick = () => {
  const now = serverNow();
  for (const element of document.querySelectorAll("time[data-as]")) {
    const at = Date.parse(element.dateTime);
    const as = element.dataset.as;
    put(element, as === "full" ? whole(at) : as === "ago" ? ago(now - at) : as === "countdown" ? countdown(at - now) : as === "coming" ? (at > now ? "in " : "") + countdown(at - now) : clock(at, now));
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    put(element, forms[element.dataset.counts](Date.parse(element.dataset.until) - now));
  }
  // The axis of the picture is drawn in UTC.
  for (const element of document.querySelectorAll("svg [data-at]")) {
    if (local) {
      element.dataset.utc ??= element.textContent;
      put(element, clock(Date.parse(element.dataset.at), now));
    } else if (element.dataset.utc) {
      put(element, element.dataset.utc);
      delete element.dataset.utc;
    }
  }
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const ms = Date.parse(element.dataset.countdown) - now;
    put(element, (ms > 0 ? element.dataset.before ?? "" : "") + countdown(ms));
  }
};

// Titles, when the zone is another.
const zone = () => {
  for (const element of document.querySelectorAll("time[data-as]")) element.title = whole(Date.parse(element.dateTime));
};

// A time of this zone, for what modules say.
export const clockOf = (at) => clock(at, serverNow());

export const startClock = () => {
  tick();
  zone();
  setInterval(() => { if (!document.hidden) tick(); }, 250);
  document.getElementById("times").addEventListener("click", zone);
};
