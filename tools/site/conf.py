"""Sphinx's settings for the course's pages; `__main__.py` calls it."""

from __future__ import annotations

import re
from typing import Any

from sphinxcontrib import katex

from tools import published
from tools.site import pages

project = "Backpropagation by hand"
author = "the Backpropagation by hand contributors"
copyright = author
extensions = ["myst_nb", "sphinx_copybutton", "sphinxcontrib.katex"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the lessons' stored outputs are what is shown

# Formulas become HTML when the site is built: pages need no script for them, and no other machine.
katex_prerender = True
katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0  # seconds: node starts slowly on a busy machine
katex_css_path = "katex/katex.min.css"

html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "static/mark.svg"
html_static_path = ["static", str(pages.WIDGETS)]
html_css_files = ["common.css", "playground.css", "course.css"]
html_js_files = [("playground.js", {"defer": "defer"}), ("course.js", {"defer": "defer"})]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system says, until they say otherwise
html_copy_source = html_use_index = False
html_show_sourcelink = False
html_show_search_summary = False  # it would read each page found, which a browser refuses from the disk
html_theme_options = {
    "logo": {
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "text": project,
        "alt_text": "",
    },
    "navbar_persistent": [],
    "back_to_top_button": False,
    "repository_url": published.SOURCE,
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": False,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def neighbours(app: Any, name: str, _: str, context: dict[str, Any], __: Any) -> None:
    """The arrows below a lesson lead to lessons, those below a deeper page back to its lesson."""
    lessons = sorted(doc for doc in app.env.found_docs if re.match(r"notebooks/\d\d_", doc))
    deeper = re.match(r"notebooks/deeper/(\d\d)_", name)
    if name in lessons:
        at = lessons.index(name)
        found = {"prev": lessons[at - 1] if at else None, "next": next(iter(lessons[at + 1 :]), None)}
    elif deeper:
        found = {"prev": next((doc for doc in lessons if doc[10:12] == deeper[1]), None), "next": None}
    else:
        return
    for key, doc in found.items():
        link = doc and {
            "link": app.builder.get_relative_uri(name, doc),
            "title": app.env.titles[doc].astext(),
        }
        context[key] = link or None


def setup(app: Any) -> None:
    app.connect("html-page-context", neighbours, priority=900)
