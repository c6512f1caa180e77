"""A page opened in a real browser, from the disk and without a network, and everything that it did wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Playwright, Route

CHROMIUM: Final = "/usr/bin/chromium"  # Debian's; where it is missing the tests fail
WATCH: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""


@dataclass
class Opened:
    """An open page, and what was noted of it."""

    page: Page
    said: list[str] = field(default_factory=list)  # errors and warnings at the console, and exceptions
    fetched: list[str] = field(default_factory=list)  # what it asked the network for
    dialogs: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: object = None) -> Any:
        """What a script finds out in the page."""
        return self.page.evaluate(script, argument)

    def settle(self) -> None:
        """Wait until what was changed is painted."""
        self.ask("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")

    def violations(self) -> list[str]:
        """The rules of its policy that it broke."""
        broken: list[str] = self.ask("violations")
        return broken

    def hear(self, message: ConsoleMessage) -> None:
        """Note it where it is a complaint."""
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def fail(self, error: Error) -> None:
        """Note an exception that nobody caught."""
        self.said.append(str(error))

    def refuse(self, route: Route) -> None:
        """Note what was to be fetched, and fetch nothing."""
        self.fetched.append(route.request.url)
        route.abort()

    def dismiss(self, dialog: Dialog) -> None:
        """Note it, and close it."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def launched(playwright: Playwright) -> Browser:
    """Without a sandbox, which root has none of."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@contextmanager
def opened(
    browser: Browser, file: Path, width: int = 1280, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Opened]:
    """The page with its charts drawn. When it is closed it must have broken no rule: nothing was complained of at the
    console, nothing fetched, no dialog shown."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        context.set_offline(True)
        context.add_init_script(WATCH)
        found = Opened(context.new_page())
        context.route(lambda url: url.startswith("http"), found.refuse)
        found.page.on("console", found.hear)
        found.page.on("pageerror", found.fail)
        found.page.on("dialog", found.dismiss)
        found.page.goto(file.as_uri())
        found.page.wait_for_selector("html[data-charts]", state="attached")
        yield found
        assert (found.said, found.fetched, found.dialogs) == ([], [], [])
    finally:
        context.close()
