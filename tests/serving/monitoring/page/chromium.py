"""A real browser, headless, asked over the DevTools protocol.

Source:
    https://chromedevtools.github.io/devtools-protocol/ for the methods;
    DevToolsActivePort in the profile holds the port that --remote-debugging-port=0 got.
"""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page of the browser.

    Attributes:
        events: All that the browser told of it, (method, parameters).
    """

    def __init__(self, address):
        self._socket = websocket.create_connection(
            address, suppress_origin=True, timeout=30
        )
        self._number = 0
        self.events = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Calls a method and waits for its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _receive(self):
        answer = json.loads(self._socket.recv())
        if "method" in answer:
            self.events.append((answer["method"], answer["params"]))
        return answer

    def open(self, path, *, width=1200, dark=False):
        """Loads a file and waits until the page is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while "Page.loadEventFired" not in [method for method, _ in self.events]:
            self._receive()

    def value(self, expression):
        """Returns what JavaScript, run from outside the page, gives."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path):
        """Writes the whole page as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def complaints(self):
        """Returns errors and warnings of the console, scripts and policy."""
        loud = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [parameters for method, parameters in self.events if method in loud]

    def requests(self):
        """Returns the addresses that were asked for, but for the page's own.

        What the page's policy stopped was asked of nobody.
        """
        stopped = {
            parameters["requestId"]
            for method, parameters in self.events
            if method == "Network.loadingFailed"
            and parameters.get("blockedReason") == "csp"
        }
        asked = [
            parameters
            for method, parameters in self.events
            if method == "Network.requestWillBeSent"
        ]
        return [
            one["request"]["url"]
            for one in asked
            if one["type"] != "Document"
            and one["requestId"] not in stopped
            and not one["request"]["url"].startswith("data:")
        ]


@contextmanager
def browser(profile):
    """Starts it and gives a tab.

    Args:
        profile: A folder of its own; may be missing.
    """
    process = subprocess.Popen(
        [
            PROGRAM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Tab(_address(profile, process))
    finally:
        process.terminate()
        process.wait(30)


def _address(profile, process):
    path = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 60
    while not path.is_file() or not path.read_text().strip():
        assert process.poll() is None, "the browser ended"
        assert time.monotonic() < deadline, "the browser does not start"
        time.sleep(0.02)
    port = path.read_text().split()[0]
    url = f"http://127.0.0.1:{port}/json/list"
    with urllib.request.urlopen(url, timeout=30) as answer:
        tabs = json.loads(answer.read())
    return next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
