"""Each lesson's published copy runs on its own and leads somewhere; the lesson itself stays clean."""

import json
import re
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from tools import launcher, notebooks, published
from tools.course.lesson import NOTEBOOKS, ROOT
from tools.course.rules import ADVICE

PAGES = sorted([*NOTEBOOKS.glob("*.ipynb"), *(NOTEBOOKS / "deeper").glob("*.ipynb")])
LINK = re.compile(r"\]\(([^)\s]+)")


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """All copies, by the lesson that they were made from."""
    before = {path: path.read_bytes() for path in PAGES}
    folder = tmp_path_factory.mktemp("ipynb")
    assert published.write(folder) == [folder / path.relative_to(NOTEBOOKS) for path in PAGES]
    assert {path: path.read_bytes() for path in PAGES} == before, "the sources stay as they are"
    return {path: nbformat.read(folder / path.relative_to(NOTEBOOKS), as_version=4) for path in PAGES}


def test_a_copy_is_the_lesson_with_one_cell_in_front(copies):
    for path, nb in copies.items():
        nbformat.validate(nb)
        assert len({cell.id for cell in nb.cells}) == len(nb.cells)
        lesson = nbformat.read(path, as_version=4)
        assert [cell.id for cell in nb.cells] == ["set-up", *(cell.id for cell in lesson.cells)]
        for cell, own in zip(nb.cells[1:], lesson.cells, strict=True):
            if own.cell_type == "code":
                assert cell.outputs == own.outputs and cell.metadata == own.metadata
                assert cell.source.replace(published.ADVICE_THERE, ADVICE) == own.source


def test_the_set_up_cell_is_folded_and_names_the_package_for_pip_and_for_juv(copies):
    for path, nb in copies.items():
        cell = nb.cells[0]
        assert cell.metadata.jupyter.source_hidden and cell.metadata.cellView == "form"
        assert cell.source.startswith("# @title ") and not cell.outputs
        block = re.search(r"^# /// script\n((?:# .*\n)+)# ///$", cell.source, re.MULTILINE)[1]
        script = tomllib.loads(re.sub(r"^# ", "", block, flags=re.MULTILINE))
        assert script["requires-python"] == published.PROJECT["requires-python"]
        (wanted,) = (Requirement(text) for text in script["dependencies"] if text != "pip")
        assert wanted.name == "bphelpers" and published.PROJECT["version"] in wanted.specifier
        assert wanted.extras == ({"scale"} if path.name == "19_scaling_out.ipynb" else set())
        assert cell.source.splitlines()[-1] == f'%pip install -q "{wanted}"'


def test_the_bar_stands_under_the_title_and_says_where_the_lesson_runs(copies):
    for path, nb in copies.items():
        title, blank, bar, *_ = nb.cells[1].source.split("\n")
        assert title.startswith("# ") and not blank
        assert re.findall(r"\[([^]]+)\]", bar) == ["Run in this browser", "Colab", "Download"]
        name = path.relative_to(NOTEBOOKS).as_posix()
        assert [address.endswith(name) for address in LINK.findall(bar)] == [True] * 3
    colab = published.addresses(NOTEBOOKS / "deeper" / "05_biases_and_steps.ipynb")["Colab"]
    assert "/backpropagation-by-hand/course/blob/colab/deeper/05_biases_and_steps.ipynb" in colab


def test_every_link_of_a_copy_is_an_address_and_what_it_names_exists(copies):
    seen = set()
    for nb in copies.values():
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                seen |= {link for link in LINK.findall(cell.source) if not link.startswith("#")}
    assert not [link for link in seen if not link.startswith("https://")]
    pages = [link for link in seen if link.startswith(f"{published.SITE}notebooks/")]
    assert len(pages) > len(PAGES) / 2
    for link in pages:
        page = ROOT / link.removeprefix(published.SITE).partition("#")[0]
        assert page.with_suffix(".ipynb").exists() or page.with_suffix(".md").exists(), link


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("06_matrix_form.ipynb", f"{published.SITE}notebooks/06_matrix_form.html"),
        ("deeper/99_sources.md#Claims", f"{published.SITE}notebooks/deeper/99_sources.html#Claims"),
        ("../docs/speed.png", f"{published.SOURCE}/blob/main/docs/speed.png"),
        ("https://example.org/a", "https://example.org/a"),
        ("#Sources", "#Sources"),
        ("x", "x"),  # layers[0](x)
    ],
)
def test_a_link_becomes_an_address(target, address):
    assert published.absolute(target, NOTEBOOKS / "05_backprop_by_hand.ipynb") == address


def test_copies_and_sources_do_not_mix(copies):
    """A lesson in notebooks/ needs no installation, and says so; its copy says what helps there."""
    for path, nb in copies.items():
        assert "%pip install -q" not in path.read_text("utf-8")
        assert ADVICE not in notebooks.dumps(nb)


# --- the same addresses elsewhere ---


def test_readme_leads_to_where_pyproject_says_that_the_course_lives():
    readme = (ROOT / "README.md").read_text("utf-8")
    links = LINK.findall(readme)
    local = [link for link in links if not link.startswith(("https:", "#"))]
    assert [link for link in local if not (ROOT / link).exists()] == []
    titles = {title.lower().replace(" ", "-") for title in re.findall(r"^##+ (.*)", readme, re.MULTILINE)}
    assert [link for link in links if link.startswith("#") and link[1:] not in titles] == []
    first = published.addresses(NOTEBOOKS / "00_start_here.ipynb")
    assert {published.SITE, first["Run in this browser"], first["Colab"]} <= set(links)
    repository = published.SOURCE.removeprefix("https://github.com/")
    other = [link for link in links if link.startswith("https:") and repository not in link]
    assert set(other) == {published.SITE, first["Run in this browser"], "https://www.python.org"}


# --- a machine that somebody else starts ---


def test_binder_and_the_devcontainer_install_what_pyproject_offers_on_a_python_that_is_tested():
    binder = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text("utf-8"))
    python, pip, packages = binder["dependencies"]
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert python == "python=" + container["image"].rpartition(":")[2]
    version = tuple(map(int, python.removeprefix("python=").split(".")))
    assert launcher.OLDEST <= version <= launcher.NEWEST_TESTED
    # `..` because conda and mamba run pip in the folder of the file.
    (there,) = re.fullmatch(r"-e \.\.\[(.*)\]", packages["pip"][0]).groups()
    (here,) = re.search(r"pip install -e '\.\[(.*)\]'", container["postCreateCommand"]).groups()
    assert pip == "pip" and there == here
    assert set(there.split(",")) <= set(published.PROJECT["optional-dependencies"])
