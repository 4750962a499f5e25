// An act's page, shown as a dialog over the page it is about. Its form is sent as any form is.
let dialog = null;

// The server is not there: nothing was sent, what is shown stays as it was, and it can be tried again.
const unreachable = (form, again) => {
  if (form?.closest("dialog")) {
    form.querySelector(".unreached")?.remove();
    const told = document.createElement("p");
    told.className = "problem unreached";
    told.setAttribute("role", "alert");
    told.textContent = "The server does not answer, so nothing was sent. What you wrote stays here.";
    form.querySelector(".acts").before(told);
    return;
  }
  dialog?.remove();
  dialog = document.createElement("dialog");
  dialog.innerHTML = `<div class="dialog card" id="unreached"><h1>The server does not answer</h1>
<p class="says">Nothing was sent, and what is shown stays as it was.</p>
<p class="acts"><button type="button" data-close>Close</button> <button type="button" class="primary">Try again</button></p></div>`;
  document.body.append(dialog);
  const shown = dialog;
  shown.addEventListener("close", () => shown.remove());
  shown.querySelector(".primary").addEventListener("click", () => { shown.close(); again(); });
  shown.showModal();
  shown.querySelector("[data-close]").focus();
};

const isReached = () => fetch("/healthz", { cache: "no-store" }).then(() => true, () => false);

const open = async (href, by) => {
  const answer = await fetch(href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = page.getElementById("dialog");
  if (!form) { location.assign(href); return; }
  dialog?.remove();
  dialog = document.createElement("dialog");
  dialog.append(document.importNode(form, true));
  document.body.append(dialog);
  dialog.addEventListener("close", () => { dialog.remove(); by.focus(); });
  dialog.showModal();
  dialog.querySelector("[data-close]")?.focus();
};

export const startActs = () => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("dialog [data-close]")) { event.preventDefault(); dialog.close(); return; }
    // The dot of a coming attempt is a Retry now of its own.
    const dot = event.target.closest("a[data-retry]");
    const retry = dot && document.querySelector(`${dot.getAttribute("href")} form[action$="/retry"]`);
    if (retry) { event.preventDefault(); retry.requestSubmit(); return; }
    const link = event.target.closest("a[data-act]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    link.closest("details.menu")?.removeAttribute("open");
    const show = () => open(link.href, link).catch(() => unreachable(null, show));
    show();
  });
  document.addEventListener("submit", async (event) => {
    const [form, submitter] = [event.target, event.submitter];
    if (form.matches("form[data-act]")) {
      event.preventDefault();
      const asked = new URLSearchParams(new FormData(form, submitter));
      const show = () => open(`${form.getAttribute("action")}?${asked}`, submitter).catch(() => unreachable(null, show));
      show();
      return;
    }
    if (form.getAttribute("method") !== "post" || !document.body.classList.contains("stale") || form.dataset.reached) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const send = () => form.requestSubmit(submitter);
    if (!await isReached()) { unreachable(form, send); return; }
    form.dataset.reached = "1";
    send();
    delete form.dataset.reached;
  });
  // What is to be looked at before it is sent is shown in the same place.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("dialog form[data-review]")) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
    if (!answer) { unreachable(form); return; }
    if (answer.redirected) { location.assign(answer.url); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("dialog") ?? page.getElementById("problem");
    dialog.replaceChildren(document.importNode(next, true));
    dialog.querySelector("button, [data-close]")?.focus();
  });
  // A form that is sent is not sent twice.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.target.matches("dialog form[data-review]")) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    setTimeout(() => { delete event.target.dataset.sent; }, 3000);
  });
};

let toasted;
export const toast = (text) => {
  document.getElementById("toast")?.remove();
  const element = document.createElement("div");
  element.id = "toast";
  element.setAttribute("role", "status");
  element.textContent = text;
  document.body.append(element);
  clearTimeout(toasted);
  toasted = setTimeout(() => element.remove(), 1500);
};
