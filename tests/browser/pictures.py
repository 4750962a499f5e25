"""Takes the pictures of the docs, and says how soon each page was painted: tools/screenshots starts this with the demo's address,
another without runs, one that asks for a token, and a folder."""

import json
import os
import pathlib
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

BASE = os.environ["SAGALINE_BROWSER_BASE"]
EMPTY = os.environ["SAGALINE_BROWSER_EMPTY"]
CLOSED = os.environ["SAGALINE_BROWSER_CLOSED"]
BATCH = os.environ["SAGALINE_BROWSER_BATCH"]
FOLDER = pathlib.Path(os.environ["SAGALINE_PICTURES"])

PHONE = 390

# Name, path, width, height, theme.
PICTURES = [
    ("workflows", "/", 1280, 640, "light"),
    ("workflows-phone", "/", PHONE, 844, "light"),
    ("retrying", "/workflows/demo-retrying", 1280, 740, "light"),
    ("retrying-phone", "/workflows/demo-retrying", PHONE, 844, "dark"),
    ("compensated", "/workflows/demo-compensated", 1280, 640, "light"),
    ("history", "/workflows/demo-compensated?tab=history", 1280, 900, "light"),
    ("children", "/workflows/demo-batch?tab=children", 1280, 900, "light"),
    ("messages", "/workflows/demo-approval?tab=messages", 1280, 800, "light"),
    ("incidents", "/incidents", 1280, 420, "light"),
    ("start", "/workflows/new", 1280, 760, "light"),
    ("schedules", "/schedules", 1280, 300, "light"),
    ("schedule", "/schedules/nightly", 1280, 680, "light"),
    ("schedule-form", "/schedules/nightly/edit", 1280, 1100, "light"),
    ("task-queues", "/task-queues", 1280, 300, "light"),
    ("task-queue", "/task-queues/orders", 1280, 620, "light"),
    ("definitions", "/definitions", 1280, 300, "light"),
    ("retry-topics", "/retry-topics", 1280, 480, "light"),
    ("partitions", "/partitions", 1280, 320, "light"),
    ("batches", "/batches", 1280, 300, "light"),
    ("batch", f"/batches/{BATCH}", 1280, 420, "light"),
    ("more", "/more", 1280, 520, "light"),
    ("inputs", "/inputs", 1280, 340, "light"),
]


def browser():
    options = Options()
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]:
        options.add_argument(flag)
    if os.environ.get("CHROMIUM"):
        options.binary_location = os.environ["CHROMIUM"]
    # Event streams stay open: a page is there when its document is.
    options.page_load_strategy = "eager"
    return webdriver.Chrome(options=options, service=Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")))


def main():
    driver = browser()

    def wait(script):
        WebDriverWait(driver, 60).until(lambda _: driver.execute_script(f"return Boolean({script})"))

    def look(base, path, width, height, theme="light"):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(base + "/more")
        for name, value in [("sl_theme", theme), ("sl_live", "1")]:
            driver.add_cookie({"name": name, "value": value, "path": "/"})
        driver.get(base + path)
        # Modules run, and the page is live where it can be.
        wait("!document.getElementById('theme').hidden && (!document.body.dataset.stream || document.querySelector('.connection.live'))")

    def take(name):
        driver.save_screenshot(str(FOLDER / f"{name}.png"))
        painted = driver.execute_script("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        print(FOLDER / f"{name}.png", f"first paint after {painted:.0f} ms" if painted else "")

    try:
        for name, path, width, height, theme in PICTURES:
            look(BASE, path, width, height, theme)
            take(name)
        look(EMPTY, "/", 1280, 600)
        take("empty")
        with urllib.request.urlopen(f"{BASE}/api/v1/incidents") as answer:
            incident = json.load(answer)["incidents"][0]["id"]
        look(BASE, f"/incidents/{incident}", 1280, 760)
        take("incident")
        look(CLOSED, "/", 1280, 420)
        take("sign-in")
        look(BASE, f"/incidents/{incident}/retry", 1280, 640)
        driver.execute_script("const field = document.querySelector('textarea'); field.value = field.value.replace('Mian', 'Main');"
                              "document.querySelector('#dialog button.primary').click()")
        wait("document.getElementById('diff')")
        take("change")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
