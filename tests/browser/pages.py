"""The pages in a real browser: a newcomer's first minutes with the demo, every page by axe-core, and reading without JavaScript.

tools/test-browser starts this with the demo's address and folder; see there for what it needs.
"""

import json
import os
import pathlib
import re
import sys
import unittest
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

BASE = os.environ["SAGALINE_BROWSER_BASE"]
DATA = pathlib.Path(os.environ["SAGALINE_BROWSER_DATA"])
AXE = pathlib.Path(os.environ["SAGALINE_BROWSER_AXE"]).read_text()

# Seconds that whatever is waited for may take on a busy machine.
LIMIT = 60

PAGES = [
    "/workflows", "/workflows?query=", "/workflows?query=nothing-has-this-id", "/workflows?query=Status%20%3D",
    "/workflows/demo-retrying", "/workflows/demo-compensated?tab=timeline", "/workflows/demo-compensated?tab=history",
    "/workflows/demo-compensated?tab=history&show=full", "/workflows/demo-compensated?tab=history&show=json",
    "/workflows/demo-batch?tab=children", "/workflows/demo-approval?tab=messages", "/workflows/demo-completed?tab=definition",
    "/workflows/no-such-run", "/workflows/new", "/workflows?unfold=demo-batch", "/workflows?view=no-such-view", "/incidents",
    "/schedules", "/schedules/nightly", "/schedules/nightly/edit", "/schedules/nightly/backfill", "/schedules/no-such-schedule",
    "/new-schedule", "/task-queues", "/task-queues/orders", "/task-queues/orders/pause", "/task-queues/orders/limit",
    "/workflows?columns=attempt,customer", "/definitions", "/retry-topics", "/partitions", "/batches", "/inputs",
    "/more",
]

# Finds what is pressed and presses it in one step: between two a live page may have moved it.
PRESS = """const named = [...document.querySelectorAll('button, a.button, summary, .menu a, a.fold')]
    .find(one => one.textContent.trim() === arguments[0] && one.checkVisibility());
if (named) named.click();
return Boolean(named)"""


def browser(javascript=True):
    options = Options()
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    if os.environ.get("CHROMIUM"):
        options.binary_location = os.environ["CHROMIUM"]
    # Event streams stay open: a page is there when its document is.
    options.page_load_strategy = "eager"
    return webdriver.Chrome(options=options, service=Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")))


def api(path):
    with urllib.request.urlopen(f"{BASE}/api/v1{path}") as answer:
        return json.load(answer)


def status(workflow_id):
    return api(f"/workflows/{workflow_id}")["status"]


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = browser()
        cls.wait = WebDriverWait(cls.driver, LIMIT)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()

    def open(self, path):
        self.driver.get(BASE + path)

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def until(self, what, holds):
        self.wait.until(lambda _: holds(), what)

    def press(self, name):
        self.until(f"there is {name} to press", lambda: self.driver.execute_script(PRESS, name))

    def press_until(self, path, name, what, holds):
        """Presses on a page, once more if that came to nothing: an attempt may have been under way just then."""
        def done():
            self.open(path)
            self.until(f"{name} is there, or {what}", lambda: holds() or self.driver.execute_script(PRESS, name))
            try:
                return WebDriverWait(self.driver, 8).until(lambda _: holds())
            except TimeoutException:
                return False
        self.until(what, done)

    def field(self, name):
        """A field of the dialog that is shown."""
        found = []
        def is_there():
            fields = self.driver.find_elements(By.CSS_SELECTOR, f"#dialog [name={name}], form.start [name={name}]")
            found[:] = [one for one in fields if one.is_displayed()]
            return found
        self.until(f"field {name} is shown", is_there)
        return found[0]

    def fill(self, name, value):
        field = self.field(name)
        field.clear()
        field.send_keys(value)

    def test_1_the_list_shows_the_six_runs(self):
        self.open("/")
        rows = {"demo-completed": "Completed", "demo-retrying": "retrying", "demo-compensated": "Failed",
                "demo-approval": "waiting", "demo-incident": "incident", "demo-batch": "waiting"}
        self.until("all six are listed", lambda: all(name in self.text() for name in rows))
        # Rows are renewed while they are read.
        script = """return [...document.querySelectorAll('tr')].map(row => row.innerText)
            .find(text => text.split(/\\s+/).includes(arguments[0])) || ''"""
        for name, word in rows.items():
            self.until(f"{name} is {word}", lambda: word in self.driver.execute_script(script, name))
        self.assertNotIn("demo-batch/", self.text())

    def test_2_a_countdown_runs_and_stays_on_the_page(self):
        self.open("/workflows/demo-retrying")
        self.until("it says when the next attempt starts", lambda: "starts in" in self.text())
        seen = set()
        def counts():
            seen.add(self.driver.find_element(By.CSS_SELECTOR, "[data-until], .sentence").text)
            return len(seen) >= 3
        self.until("the countdown counts", counts)

    def test_2a_the_dot_of_the_coming_attempt_sends_it(self):
        dot = "document.querySelector('[data-retry] use')?.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
        def sent():
            self.open("/workflows/demo-retrying")
            self.until("it says who reads the queue", lambda: "1 worker, " in self.text())
            self.driver.execute_script(dot)
            try:
                # It may have been refused, since an attempt was under way just then.
                return WebDriverWait(self.driver, 8).until(
                    lambda _: re.search(r"Attempt \d+ sent at \d\d:\d\d:\d\d\. event", self.text()))
            except TimeoutException:
                return False
        self.until("the note says which attempt was sent", sent)

    def test_3_retry_now_completes_what_waited(self):
        (DATA / "demo" / "gateway-down").unlink()
        self.press_until("/workflows/demo-retrying", "Retry now", "it is completed", lambda: status("demo-retrying") == "Completed")
        # What was pressed may have been refused, since an attempt was under way that completed it.
        self.open("/workflows/demo-retrying")
        self.until("the page says so", lambda: "Completed" in self.text())

    def test_4_approve_is_one_click(self):
        self.press_until("/incidents", "Approve", "it is completed", lambda: status("demo-approval") == "Completed")

    def test_5_an_address_is_corrected_and_its_row_tells_what_becomes_of_it(self):
        self.open("/incidents")
        self.press("Change input…")
        corrected = self.field("input").get_attribute("value").replace("Mian", "Main")
        self.fill("input", corrected)
        self.press("Retry with this")
        self.until("the change is shown", lambda: self.driver.execute_script(
            "return [...document.querySelectorAll('#diff ins')].some(one => one.textContent.includes('Main Street 1'))"))
        self.assertEqual(status("demo-incident"), "Running", "nothing is sent that was not seen")
        self.press("Retry with this")
        self.until("it is completed", lambda: status("demo-incident") == "Completed")
        rows = "return document.getElementById('rows').innerText"
        self.until("its row says so", lambda: "Solved" in self.driver.execute_script(rows))
        self.until("and goes", lambda: "demo-incident" not in self.driver.execute_script(rows))
        self.assertNotIn("follow", self.driver.current_url)

    def test_6_a_hostile_id_is_text(self):
        evil = "<img src=x onerror=document.title='broken'>\u202e"
        body = json.dumps({"workflow": "order", "id": evil, "input": {"order_id": "x", "total": 1}}).encode()
        start = urllib.request.Request(f"{BASE}/api/v1/workflows", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(start).close()
        self.until("it is listed", lambda: (self.open("/workflows?query="), "<img src=x" in self.text())[1])
        self.assertNotEqual(self.driver.title, "broken")
        self.assertEqual(self.driver.find_elements(By.CSS_SELECTOR, "main img"), [])

    def test_6_an_id_that_browsers_fold_has_a_page(self):
        body = json.dumps({"workflow": "order", "id": "..", "input": {"order_id": "x", "total": 1200, "card": "4242",
                           "courier": "p", "address": "Main Street 1"}}).encode()
        start = urllib.request.Request(f"{BASE}/api/v1/workflows", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(start).close()
        link = "return [...document.querySelectorAll('a.id')].find(one => one.textContent === '..')?.href"
        self.until("it is listed", lambda: (self.open("/workflows?query="), self.driver.execute_script(link))[1])
        self.driver.get(self.driver.execute_script(link))
        self.until("its page is live", lambda: self.driver.find_elements(By.CSS_SELECTOR, ".connection.live"))
        self.press("Cancel…")
        self.press("Cancel run")
        self.until("it is cancelled", lambda: "Canceled" in self.driver.find_element(By.ID, "run-head").text)

    def test_6a_a_schedule_is_made_triggered_paused_and_changed(self):
        self.open("/new-schedule")
        self.fill("name", "nightly")
        self.fill("cron", "30 2 * * *")
        self.fill("workflow", "order")
        self.fill("input", '{"order_id": "nightly", "total": 49.9}')
        self.press("Create")
        self.until("its page says what comes next", lambda: "The next one starts" in self.text())
        self.assertEqual(len(self.driver.find_elements(By.CSS_SELECTOR, "#next li")), 10)
        self.press("Start one now…")
        self.press("Start one now")
        self.until("it is among its runs", lambda: (self.open("/schedules/nightly"), "by hand" in self.text())[1])
        self.press("Pause…")
        self.fill("note", "stocktaking")
        self.press("Pause")
        self.until("it is paused", lambda: "nothing is started by itself" in self.text() and "stocktaking" in self.text())
        self.press("Resume")
        self.until("it goes on", lambda: "The next one starts" in self.text())
        self.press("Edit")
        self.fill("time_zone", "Europe/Zurich")
        self.press("Save")
        self.until("it is changed", lambda: "in Europe/Zurich" in self.text())

    def test_6b_a_list_is_kept_and_forgotten(self):
        self.open("/workflows?query=" + urllib.parse.quote('Status = "Failed"') + "&sort=-closed_at")
        self.press("Views")
        self.driver.execute_script("document.querySelector('.keep input').value = arguments[0]", "what failed / lately")
        self.press("Keep")
        self.until("it is shown by its name", lambda: urllib.parse.parse_qs(
            urllib.parse.urlsplit(self.driver.current_url).query).get("view") == ["what failed / lately"])
        self.assertIn("demo-compensated", self.text())
        self.assertNotIn("demo-completed", self.text())
        self.press("what failed / lately")
        self.driver.execute_script("document.querySelector('[aria-label^=\"Delete view\"]').click()")
        self.until("it is gone", lambda: "The view is deleted." in self.text())

    def test_6b_filters_are_chosen_and_added(self):
        def query():
            address = urllib.parse.urlsplit(self.driver.current_url)
            return urllib.parse.parse_qs(address.query).get("query", [""])[0]
        self.open("/workflows")
        self.press("workflow: any")
        self.press("order")
        self.until("the filter says so", lambda: query() == 'ParentWorkflowId IS NULL AND WorkflowType = "order"')
        self.until("only those are listed", lambda: "demo-completed" in self.text() and "demo-batch" not in self.text())
        self.press("started: any time")
        self.press("last 24 hours")
        self.until("so does the start", lambda: " AND StartTime >= " in query() and "demo-completed" in self.text())
        self.press("+ filter")
        for name, value in [("field", "Status"), ("operator", "!="), ("value", "Completed")]:
            script = "document.querySelector(`#narrow [name=${arguments[0]}]`).value = arguments[1]"
            self.driver.execute_script(script, name, value)
        self.press("Add")
        self.until("and what was added", lambda: query().endswith(' AND Status != "Completed"'))
        self.until("they are not listed", lambda: "demo-compensated" in self.text() and "demo-completed" not in self.text())

    def test_6c_children_are_unfolded(self):
        self.open("/workflows")
        self.press("▸ 600 children")
        self.until("some are shown", lambda: "all children of demo-batch in the list" in self.text())

    def test_6d_a_task_queue_is_limited_paused_and_resumed(self):
        self.open("/task-queues/orders")
        self.press("Limit…")
        self.fill("max_outstanding", "50")
        self.press("Set limits")
        self.until("the limit is in force", lambda: "At most 50 at once go to workers." in self.text())
        self.assertEqual(api("/task-queues/orders")["limits"]["max_outstanding"], 50)
        self.press("Pause…")
        self.fill("reason", "stocktaking")
        self.assertIn("No further task goes out until it is resumed", self.driver.find_element(By.ID, "dialog").text)
        self.press("Pause")
        self.until("it is paused", lambda: "Paused: no task of it goes out" in self.text() and "stocktaking" in self.text())
        self.press("Resume…")
        self.press("Resume")
        self.until("it goes on", lambda: "At most 50 at once go to workers." in self.text())
        self.assertEqual(api("/task-queues/orders")["limits"]["paused"], [])

    def test_6e_attributes_are_columns(self):
        for name, customer, amount in [("attr-1", "<b>ada", 7), ("attr-2", "bob", 30)]:
            body = json.dumps({"workflow": "order", "id": name, "input": {"order_id": name, "total": 1},
                               "attributes": {"customer": customer, "amount": amount}}).encode()
            start = urllib.request.Request(f"{BASE}/api/v1/workflows", body, {"Content-Type": "application/json"})
            urllib.request.urlopen(start).close()
        path = "/workflows?query=" + urllib.parse.quote('WorkflowId STARTS_WITH "attr-"')
        self.until("both are listed", lambda: (self.open(path), "attr-1" in self.text() and "attr-2" in self.text())[1])
        for name in ["customer", "amount"]:
            self.press("Columns")
            self.driver.execute_script("document.querySelector(`[data-column='${arguments[0]}']`).click()", name)
            self.until(f"{name} is in the address", lambda: name in urllib.parse.unquote(self.driver.current_url))
        cells = "return [...document.querySelectorAll('td.c-attribute')].map(cell => cell.innerText)"
        self.until("they are shown as text", lambda: sorted(self.driver.execute_script(cells)) == ["30", "7", "<b>ada", "bob"])
        for order in [["30", "7"], ["7", "30"]]:
            self.driver.find_element(By.LINK_TEXT, "amount").click()
            self.until(f"amounts are {order}", lambda: [cell for cell in self.driver.execute_script(cells) if cell.isdigit()] == order)
        self.press("Views")
        self.driver.execute_script("document.querySelector('.keep input').value = arguments[0]", "by amount")
        self.press("Keep")
        self.until("they are kept with the view", lambda: "view=by" in self.driver.current_url
                   and [cell for cell in self.driver.execute_script(cells) if cell.isdigit()] == ["7", "30"])

    def start(self, name, **change):
        body = {"order_id": name, "total": 1, "card": "4242", "courier": "p", "address": "Main Street 1", **change}
        started = urllib.request.Request(f"{BASE}/api/v1/workflows", json.dumps({"workflow": "order", "id": name, "input": body}).encode(),
                                         {"Content-Type": "application/json"})
        urllib.request.urlopen(started).close()

    def key(self, keys):
        ActionChains(self.driver).send_keys(keys).perform()

    def test_6f_what_is_selected_stays_selected_while_the_list_changes(self):
        self.open("/workflows")
        self.until("it is live", lambda: "live" in self.driver.find_element(By.ID, "connection").text)
        self.key("jjx")
        here = self.driver.execute_script("return document.querySelector('.here').id")
        self.start("one-more")
        self.until("a new run waits", lambda: "1 new run" in self.driver.find_element(By.ID, "new-rows").text)
        chosen = "return [...document.querySelectorAll('#rows tr:has(input:checked)')].map(row => row.id)"
        self.assertEqual(self.driver.execute_script(chosen), [here])
        self.assertEqual(self.driver.execute_script("return document.querySelector('.here').id"), here)
        self.assertIn("1 selected", self.driver.find_element(By.ID, "bulk").text)

    def test_6g_incidents_are_solved_by_keys_one_or_many(self):
        names = ["wrong-1", "wrong-2", "wrong-3"]
        for name in names:
            self.start(name, address="Mian Street 1")
        rows = "return document.querySelectorAll('#rows .incident-row').length"
        self.until("all wait for a person", lambda: (self.open("/incidents?group=none"), self.driver.execute_script(rows) == 3)[1])
        self.until("it is live", lambda: "live" in self.driver.find_element(By.ID, "connection").text)
        # An update of the page leaves each where it is.
        self.start("wrong-4", address="Mian Street 1")
        self.until("a new one waits", lambda: "1 new incident" in self.driver.find_element(By.ID, "new-rows").text)
        self.assertEqual(self.driver.execute_script(rows), 3)
        self.key("j")
        for key, says in [("e", "Retry ship of"), ("k", "Skip ship of"), ("f", "Fail ship of")]:
            self.key(key)
            self.until(f"{key} asks", lambda: says in self.driver.execute_script("return document.querySelector('dialog')?.innerText ?? ''"))
            self.key(Keys.ESCAPE)
            self.until("nothing was done", lambda: not self.driver.find_elements(By.TAG_NAME, "dialog"))
        self.key("xjx")
        self.assertIn("2 selected", self.driver.find_element(By.ID, "some").text)
        self.driver.find_element(By.CSS_SELECTOR, "#some [value=incident-fail]").click()
        self.until("it is asked", lambda: "Fail 2 incidents?" in self.text())
        self.press("Fail 2 incidents")
        self.until("both are failed", lambda: "2 of 2 done." in self.text())

    def test_6h_a_long_history_is_scrolled_to_its_end_and_jumped_into(self):
        self.start("long", total=5_000)
        def send(part):
            for number in range(part, 700, 4):
                body = json.dumps({"n": number}).encode()
                signal = urllib.request.Request(f"{BASE}/api/v1/workflows/long/signals/tick", body, {"Content-Type": "application/json"})
                urllib.request.urlopen(signal).close()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, range(4)))
        total = api("/workflows/long?consistency=strong")["history_events"]
        self.assertGreater(total, 700)
        seen = """return [...document.querySelectorAll('#events tbody tr[id]')].filter(row => {
            const box = row.getBoundingClientRect(); return box.bottom > 60 && box.top < innerHeight; }).map(row => row.id)"""
        def is_seen(seq):
            return f"event-{seq}" in self.driver.execute_script(seen)
        self.open("/workflows/long?tab=history&show=full")
        self.until("its scroll bar is that of all events", lambda: self.driver.execute_script(
            "return document.documentElement.scrollHeight") > 20 * total)
        self.assertFalse(is_seen(total))
        self.driver.execute_script("scrollTo(0, document.documentElement.scrollHeight)")
        self.until("the last event is there", lambda: is_seen(total))
        self.driver.execute_script("scrollTo(0, document.documentElement.scrollHeight / 2)")
        self.until("those in the middle are", lambda: any(is_seen(seq) for seq in range(total // 2 - 40, total // 2 + 40)))
        self.assertLess(self.driver.execute_script("return document.querySelectorAll('#events tr').length"), 700)
        field = self.driver.find_element(By.NAME, "at")
        field.clear()
        field.send_keys("321")
        field.submit()
        self.until("it is jumped to", lambda: is_seen(321))

    def test_6i_an_error_leaves_what_was_there(self):
        self.open("/workflows?query=")
        self.until("it is live", lambda: "live" in self.driver.find_element(By.ID, "connection").text)
        rows = "return document.querySelectorAll('#rows > tr').length"
        before = self.driver.execute_script(rows)
        self.driver.execute_script("""window.real = window.fetch; window.fetch = async () => new Response(
            "<main id=main><div class=problem>The list cannot be read</div></main>", { status: 503 })""")
        self.until("it is told", lambda: "The list cannot be read" in self.text())
        self.assertEqual(self.driver.execute_script(rows), before)
        self.assertIn("as of", self.driver.find_element(By.ID, "connection").text)
        self.driver.execute_script("window.fetch = async () => { throw new TypeError('gone'); }")
        self.driver.find_element(By.CSS_SELECTOR, "#rows input[name=id]").click()
        self.driver.find_element(By.CSS_SELECTOR, "#bulk [value=cancel]").click()
        self.until("nothing is sent", lambda: "The server does not answer" in self.driver.find_element(By.TAG_NAME, "dialog").text)
        self.driver.execute_script("document.querySelector('dialog').close(); window.fetch = window.real")
        self.until("it goes on", lambda: self.driver.find_element(By.ID, "connection").text == "live")
        self.assertNotIn("The list cannot be read", self.text())

    def test_6j_all_times_are_switched_to_local_ones_and_back(self):
        self.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
        try:
            for path, times in [("/schedules/nightly", "#next time[data-as=full]"), ("/workflows/demo-compensated", "svg [data-at]")]:
                self.open(path)
                texts = f"return [...document.querySelectorAll('{times}')].map(one => one.textContent).join()"
                self.until(f"{path} has times", lambda: self.driver.execute_script(texts))
                utc = self.driver.execute_script(texts)
                self.key("t")
                self.until(f"{path} is local", lambda: self.driver.execute_script(texts) != utc)
                self.key("t")
                self.until(f"{path} is UTC again", lambda: self.driver.execute_script(texts) == utc)
        finally:
            self.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})

    def test_7_every_page_is_accessible_in_both_themes_and_says_no_error(self):
        faults = []
        incident = api("/incidents?state=resolved")["incidents"][0]["id"]
        pages = [(path, theme) for theme in ["light", "dark"] for path in [*PAGES, f"/incidents/{incident}"]]
        for path, theme in pages:
            self.driver.get_log("browser")
            self.driver.add_cookie({"name": "sl_theme", "value": theme, "path": "/"})
            self.open(path)
            self.driver.execute_script(AXE)
            found = self.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}).then(done);")
            for violation in found["violations"]:
                targets = [" ".join(map(str, node["target"])) for node in violation["nodes"][:3]]
                faults.append(f"{path} ({theme}): {violation['impact']} {violation['id']}: {violation['help']}: {targets}")
            # A page that is not there answers 404, and the browser says so.
            faults += [f"{path}: {line['message']}" for line in self.driver.get_log("browser")
                       if line["level"] == "SEVERE" and "404" not in line["message"] and "400" not in line["message"]]
        self.assertEqual(faults, [], "\n".join(faults))

    def test_8_pages_are_read_without_javascript(self):
        plain = browser(javascript=False)
        try:
            said = {"/workflows": "demo-compensated", "/workflows/demo-compensated?tab=timeline": "2 of 2 completed steps compensated",
                    "/workflows/demo-compensated?tab=history": "CourierRefused", "/incidents": "Incidents",
                    "/schedules/nightly": "Next starts", "/new-schedule": "Cron expressions",
                    "/workflows?unfold=demo-batch": "all children of demo-batch"}
            for path in PAGES:
                plain.get(BASE + path)
                text = plain.find_element(By.TAG_NAME, "main").text
                self.assertIn(said.get(path, ""), text, path)
                self.assertGreater(len(text), 20, path)
                # Where nothing counts, times are absolute.
                times = [one.text for one in plain.find_elements(By.CSS_SELECTOR, "main time")[:10]]
                self.assertFalse([time for time in times if " ago" in time], path)
            self.columns_are_chosen(plain)
            self.a_queue_is_limited(plain)
        finally:
            plain.quit()

    def columns_are_chosen(self, plain):
        plain.get(BASE + "/workflows?query=" + urllib.parse.quote('WorkflowId = "attr-2"'))
        plain.find_element(By.CSS_SELECTOR, "details.columns > summary").click()
        plain.find_element(By.CSS_SELECTOR, "input[name=column][value=customer]").click()
        plain.find_element(By.CSS_SELECTOR, "button[form=columns]").click()
        self.until("the column is shown", lambda: plain.find_elements(By.CSS_SELECTOR, "td.c-attribute"))
        self.assertEqual(plain.find_element(By.CSS_SELECTOR, "td.c-attribute").text, "bob")
        self.assertIn("columns=", plain.current_url)

    def a_queue_is_limited(self, plain):
        plain.get(BASE + "/task-queues/orders")
        plain.find_element(By.LINK_TEXT, "Limit…").click()
        self.until("the act has a page", lambda: plain.find_elements(By.NAME, "max_outstanding"))
        plain.find_element(By.NAME, "max_outstanding").clear()
        plain.find_element(By.CSS_SELECTOR, "#dialog button").click()
        self.until("nothing limits it", lambda: "Nothing limits it." in plain.find_element(By.TAG_NAME, "main").text)


if __name__ == "__main__":
    # A page that never comes must not hold up whoever waits for the tests.
    sys.exit(not unittest.main(verbosity=2, exit=False, failfast=False).result.wasSuccessful())
