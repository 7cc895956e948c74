"""Asked by hatchling when it builds: README.md with absolute addresses, for the package index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def absolute(text: str, source: str) -> str:
    """Return Markdown whose pictures and links lead into the repository at `source`."""
    text = re.sub(r"(!\[[^\]]*\]\()(?!\w+:)", rf"\1{source}/raw/main/", text)
    return re.sub(r"(\]\()(?![\w-]+:|#)", rf"\1{source}/blob/main/", text)


class Description(MetadataHookInterface):
    """The address is that of [project.urls]; no substitution in a table could read it there."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description, in place."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = absolute(text, metadata["urls"]["Source"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
