"""The Markdown of this repository as a site that can be searched: ``make site``.

The README is cut into pages at its headings, the rest of ``docs/`` are pages as they are. The
theme brings its scripts and fonts are the system's, so no opened page asks another machine.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CUT = {
    "train": ["The real data", "The four networks"],
    "read": ["Reading the results"],
    "score": ["Scoring"],
}
"""Page -> the headings of the README that it takes; ``index`` has the others."""

NAV = {
    "index": "Start",
    "data": "Own data",
    "train": "Train",
    "read": "Read results",
    "score": "Score",
    "findings": "Findings as DICOM",
    "pacs": "PACS",
    "monitoring": "Monitor",
    "labels": "Labels",
    "reading": "Reading page",
    "cluster": "Cluster",
    "containers": "Containers",
    "scale": "Scale",
    "security": "Security",
    "conformance": "Conformance",
    "settings": "Settings",
    "commands": "Commands",
    "design": "Design",
    "results": "Results",
    "results-history": "Results of before",
    "development": "Development",
}
"""Pages in their order with their titles; a page that is not named comes last."""

CONFIG = {
    "site_name": "pneumo",
    "docs_dir": "pages",
    "use_directory_urls": False,
    "theme": {
        "name": "material",
        "font": False,
        "features": ["navigation.footer", "navigation.top", "search.highlight"],
    },
    "plugins": ["search"],
    "markdown_extensions": ["tables", "toc", "sane_lists"],
    "validation": {
        "omitted_files": "warn",
        "absolute_links": "warn",
        "unrecognized_links": "warn",
        "anchors": "warn",
    },
}


def pages() -> dict[str, str]:
    """Name of a page -> its Markdown."""
    parts = re.split(r"^(?=## )", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M)
    page_of = {heading: page for page, headings in CUT.items() for heading in headings}
    texts = dict.fromkeys(["index", *CUT], "")
    for part in parts:
        heading = part.split("\n")[0].removeprefix("## ")
        page = page_of.pop(heading, "index")
        texts[page] += part if page == "index" or texts[page] else part.removeprefix("#")
    if page_of:
        raise SystemExit(f"README.md: the headings {list(page_of)} are gone; correct docs/site.py")
    for path in sorted((ROOT / "docs").glob("*.md")):
        texts[path.stem] = path.read_text(encoding="utf-8")
    return {name: _linked(text) for name, text in texts.items()}


def _linked(text: str) -> str:
    """``text`` with links between pages; files that are no page are only named."""
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\]\(\.\./README\.md", "](index.md", text)
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"`\1`", text)


def navigation(names: list[str]) -> list[dict[str, str]]:
    """MkDocs' ``nav`` of these pages."""
    known = [name for name in NAV if name in names]
    others = [name for name in names if name not in NAV]
    return [{NAV.get(name, name.capitalize()): f"{name}.md"} for name in known + others]


def build(out: Path, program: Path) -> int:
    """Build the site in ``out``; MkDocs' exit code, 1 where a link or an anchor leads nowhere."""
    work = out.with_name(f".{out.name}")
    shutil.rmtree(work, ignore_errors=True)
    (work / "pages").mkdir(parents=True)
    found = pages()
    for name, text in found.items():
        (work / "pages" / f"{name}.md").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs/images", work / "pages/images")
    config = CONFIG | {"nav": navigation(list(found)), "site_dir": str(out.resolve())}
    (work / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [program, "build", "--strict", "--config-file", work / "mkdocs.yml"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    code = subprocess.run(command, check=False, env=quiet).returncode
    shutil.rmtree(work)
    return code


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]), Path(sys.argv[2])))
