"""axe-core on a page: what is serious or critical for people who use it in another way.

Swagger UI draws the inside of the API's page itself; its colours are not ours to judge.
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")


def with_axe(page: Page) -> Page:
    """Load axe into every page that this desk opens; an init script is not bound by the page's policy."""
    page.context.add_init_script(path=AXE)
    return page


def findings(page: Page, *, colors_alone: bool = False) -> list[str]:
    """Return each serious or critical finding with the first element it is about."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if colors_alone:
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    result: dict[str, Any] = page.evaluate("options => axe.run({exclude: ['#swagger-ui']}, options)", options)
    return [
        f"{violation['id']}: {violation['nodes'][0]['target']} ({violation['nodes'][0]['html'][:120]})"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
    ]
