// An act's page, shown as a dialog over the page it is about. Its form is sent as any form is.
let dialog = null;

const open = async (link) => {
  const answer = await fetch(link.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = page.getElementById("dialog");
  if (!form) { location.assign(link.href); return; }
  dialog?.remove();
  dialog = document.createElement("dialog");
  dialog.append(document.importNode(form, true));
  document.body.append(dialog);
  dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
  dialog.showModal();
  dialog.querySelector("[data-close]")?.focus();
};

export const startActs = () => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("dialog [data-close]")) { event.preventDefault(); dialog.close(); return; }
    const link = event.target.closest("a[data-act]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    link.closest("details.menu")?.removeAttribute("open");
    open(link).catch(() => location.assign(link.href));
  });
  // What is to be looked at before it is sent is shown in the same place.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("dialog form[data-review]")) return;
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
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
