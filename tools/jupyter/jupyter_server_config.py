# JupyterLab's settings for the course. run.py puts this folder on JUPYTER_CONFIG_PATH; your own settings in
# ~/.jupyter stay as they are.

from pathlib import Path

c = get_config()  # noqa: F821  # Jupyter provides it

# Gives pictures their words and sliders their names for readers who hear the page. The package's wheel brings
# it as well; from this folder, an edit shows at the next start.
c.LabApp.extra_labextensions_path = [str(Path(__file__).resolve().parent / "labextensions")]

# The course is used offline, in trains and in classrooms: nothing is asked of any other machine.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"  # the usual one asks a package index which extensions there are

# Ctrl-C stops the server at once, without asking back.
c.ServerApp.answer_yes = True

# Say the address and what goes wrong, not each request.
c.ServerApp.log_level = "WARN"

# The lessons need no language servers, and looking for them runs whatever npm the machine has.
c.ServerApp.jpserver_extensions = {"jupyter_lsp": False}
