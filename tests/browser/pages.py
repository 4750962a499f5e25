"""The pages in a real browser: a newcomer's first minutes with the demo, every page by axe-core, and reading without JavaScript.

tools/test-browser starts this with the demo's address and folder; see there for what it needs.
"""

import json
import os
import pathlib
import sys
import unittest
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
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
    "/workflows/no-such-run", "/workflows/new", "/incidents", "/schedules", "/task-queues", "/task-queues/orders",
    "/definitions", "/retry-topics", "/partitions", "/batches", "/more",
]


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

    def button(self, name, within=None):
        within = within or self.driver
        return next(one for one in within.find_elements(By.CSS_SELECTOR, "button, a.button, summary") if one.text.strip() == name and one.is_displayed())

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

    def test_3_retry_now_completes_what_waited(self):
        (DATA / "demo" / "gateway-down").unlink()
        self.open("/workflows/demo-retrying")
        self.until("there is a button", lambda: "Retry now" in self.text())
        self.button("Retry now").click()
        self.until("it is completed", lambda: status("demo-retrying") == "Completed")
        self.until("the page says so", lambda: "Completed" in self.text())

    def test_4_approve_is_one_click(self):
        self.open("/incidents")
        self.until("the decision is there", lambda: "demo-approval" in self.text())
        self.button("Approve").click()
        self.until("it is completed", lambda: status("demo-approval") == "Completed")

    def test_5_an_address_is_corrected(self):
        self.open("/incidents")
        self.until("the incident is there", lambda: "demo-incident" in self.text())
        self.button("Change input…").click()
        self.until("its input is there", lambda: self.driver.find_elements(By.CSS_SELECTOR, "textarea[name=input]"))
        field = next(one for one in self.driver.find_elements(By.CSS_SELECTOR, "textarea[name=input]") if one.is_displayed())
        corrected = field.get_attribute("value").replace("Mian", "Main")
        field.clear()
        field.send_keys(corrected)
        form = field.find_element(By.XPATH, "./ancestor::form[1]")
        form.find_element(By.CSS_SELECTOR, "button.primary, button[type=submit], button:not([type])").click()
        self.until("it is completed", lambda: status("demo-incident") == "Completed")

    def test_6_a_hostile_id_is_text(self):
        evil = "<img src=x onerror=document.title='broken'>\u202e"
        body = json.dumps({"workflow": "order", "id": evil, "input": {"order_id": "x", "total": 1}}).encode()
        start = urllib.request.Request(f"{BASE}/api/v1/workflows", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(start).close()
        self.until("it is listed", lambda: (self.open("/workflows?query="), "<img src=x" in self.text())[1])
        self.assertNotEqual(self.driver.title, "broken")
        self.assertEqual(self.driver.find_elements(By.CSS_SELECTOR, "main img"), [])

    def test_7_every_page_is_accessible_and_says_no_error(self):
        faults = []
        for path in PAGES:
            self.driver.get_log("browser")
            self.open(path)
            self.driver.execute_script(AXE)
            found = self.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']}).then(done);")
            for violation in found["violations"]:
                targets = [" ".join(map(str, node["target"])) for node in violation["nodes"][:3]]
                faults.append(f"{path}: {violation['impact']} {violation['id']}: {violation['help']}: {targets}")
            # A page that is not there answers 404, and the browser says so.
            faults += [f"{path}: {line['message']}" for line in self.driver.get_log("browser")
                       if line["level"] == "SEVERE" and "404" not in line["message"] and "400" not in line["message"]]
        self.assertEqual(faults, [], "\n".join(faults))

    def test_8_pages_are_read_without_javascript(self):
        plain = browser(javascript=False)
        try:
            for path, wanted in [("/", "demo-compensated"), ("/workflows/demo-compensated", "2 of 2 completed steps compensated"),
                                 ("/workflows/demo-compensated?tab=history", "CourierRefused"), ("/incidents", "Incidents")]:
                plain.get(BASE + path)
                self.assertIn(wanted, plain.find_element(By.TAG_NAME, "body").text, path)
        finally:
            plain.quit()


if __name__ == "__main__":
    # A page that never comes must not hold up whoever waits for the tests.
    sys.exit(not unittest.main(verbosity=2, exit=False, failfast=False).result.wasSuccessful())
