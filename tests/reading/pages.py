"""A real server of `pneumo read` and a real browser that looks at it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

from tests.reading.server import site_of

WAIT_S = 60
TIMES = "\N{MULTIPLICATION SIGN}"
RUN = "from pneumo.cli.app import main; main()"


class Server:
    """`pneumo read` as a process of its own, which may be killed and started again."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.home = tempfile.TemporaryDirectory()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "read", "--no-browser", *self.words],
            env={**os.environ, **site_of(Path(self.home.name))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := [word for word in line.split() if word.startswith("http://")]:
                self.address = found[0]
                return
        raise AssertionError("".join(said))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)
        self.home.cleanup()
        return self.process.returncode


class Page:
    """The page in Debian's Chromium, by what a reader sees and does."""

    def __init__(self, width_px: int = 1440, height_px: int = 900) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(word)
        options.add_argument(f"--window-size={width_px},{height_px}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))

    def open(self, address: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(address)
        self.wait(lambda: self.shown() > 0)

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def wait(self, holds: Callable[[], Any]) -> Any:
        end = time.monotonic() + WAIT_S
        while not (found := holds()):
            assert time.monotonic() < end, self.run("return document.body.innerText")
            time.sleep(0.05)
        return found

    def shown(self) -> int:
        return int(self.run("return document.getElementById('canvas')?.dataset.shown") or 0)

    def frame(self) -> None:
        """Until what was asked is painted."""
        self.driver.execute_async_script(
            "const [done] = arguments;"
            "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def text(self, name: str) -> str:
        found = self.run("return document.getElementById(arguments[0]).textContent", name)
        return str(found).replace(TIMES, "x")

    def keys(self, *keys: str) -> None:
        """Type, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def held(self, modifier: str, *keys: str) -> None:
        chain = ActionChains(self.driver).key_down(modifier)
        chain.send_keys(*keys).key_up(modifier).perform()

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse on the radiograph, in shares of the canvas."""
        canvas = self.driver.find_element("id", "canvas")
        width, height = canvas.size["width"], canvas.size["height"]
        chain = ActionChains(self.driver, duration=20)
        for index, (x, y) in enumerate((start, end)):
            to = round((x - 0.5) * width), round((y - 0.5) * height)
            chain.move_to_element_with_offset(canvas, *to)
            if not index:
                chain.click_and_hold()
        chain.release().perform()

    def touch(self, *steps: list[tuple[float, float]]) -> None:
        """Fingers on the radiograph, from step to step, in shares of the canvas."""
        area = self.run("return document.getElementById('canvas').getBoundingClientRect().toJSON()")
        for kind, points in zip(
            ["touchStart", *["touchMove"] * (len(steps) - 1), "touchEnd"], [*steps, []], strict=True
        ):
            places = [
                {"x": area["x"] + x * area["width"], "y": area["y"] + y * area["height"], "id": n}
                for n, (x, y) in enumerate(points)
            ]
            event = {"type": kind, "touchPoints": places}
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    def pixel(self, x: float, y: float) -> list[int]:
        """Red, green, blue at a share of the canvas."""
        return list(
            self.run(
                "const c = document.getElementById('canvas'), [x, y] = arguments;"
                "return [...c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data]"
                ".slice(0, 3)",
                x,
                y,
            )
        )

    def following(self) -> None:
        """The next radiograph, when it is there."""
        before = self.shown()
        self.keys("j")
        self.wait(lambda: self.shown() > before)

    def saved(self) -> None:
        self.wait(lambda: self.text("saving") == "Saved")

    def boxes(self) -> list[str]:
        found = self.run(
            "return [...document.querySelectorAll('#boxes .box')].map(b => b.innerText)"
        )
        return [str(text).replace(TIMES, "x") for text in found]

    def verdict(self) -> str | None:
        found = self.run(
            "return document.querySelector('#verdicts [aria-pressed=true]')?.dataset.verdict"
        )
        return None if found is None else str(found)

    def drop(self, name: str, data: bytes) -> None:
        """A file from the desktop onto the page."""
        self.run(
            "const [name, bytes] = arguments, to = new DataTransfer();"
            "to.items.add(new File([new Uint8Array(bytes)], name));"
            "document.body.dispatchEvent(new DragEvent('drop',"
            " {dataTransfer: to, bubbles: true, cancelable: true}))",
            name,
            list(data),
        )

    def complaints(self) -> list[str]:
        """What the browser said: refused scripts, errors of ours; not that a server was away."""
        log = self.driver.get_log("browser")
        found = [one["message"] for one in log if one["level"] == "SEVERE"]
        return [message for message in found if "status of 422" not in message]

    def close(self) -> None:
        self.driver.quit()


def readings(folder: Path) -> list[dict[str, str]]:
    """The rows of all tables of a folder."""
    import csv

    return [row for path in sorted(folder.glob("*.csv")) for row in csv.DictReader(path.open())]
