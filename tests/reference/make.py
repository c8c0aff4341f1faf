"""Execute the notebooks on a small simulated bank and keep them for nbval to compare with.

``make reference`` runs it; look at the difference before committing it. Images are left out:
they differ between builds of the drawing libraries, and the tables behind them are compared.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat

from pmlib import params, studies
from pmlib.params import PROJECT
from pmlib.runner.journal import Journal
from pmlib.runner.request import Request, study_record
from pmlib.runner.run import require_writable, run_stages

HERE = Path(__file__).resolve().parent
SMALL = [("n_customers", "2000"), ("n_months", "12"), ("sample_size", "1000"),
         ("n_bootstrap", "20"), ("k_max", "6")]  # fmt: skip
IMAGE = re.compile(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+")


def main() -> None:
    """Run all chapters into ``reports/reference`` and store the executed notebooks here."""
    values = params.resolve(overrides=studies.load_spec("casebank").parameters, assignments=SMALL)
    study = studies.prepare("casebank", values)
    out = PROJECT / "reports" / "reference"
    shutil.rmtree(out, ignore_errors=True)
    require_writable(out)
    request = Request(study=study_record(study), source="casebank", values=values, out=out)
    run_stages(request, Journal(request), echo=print)
    for path in sorted((out / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if "generated" not in _tags(cell)]
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                output.get("metadata", {}).clear()
                data = output.get("data", {})
                if "text/html" in data:
                    data["text/html"] = IMAGE.sub(
                        "data:image/svg+xml;base64,IMAGE", data["text/html"]
                    )
        nbformat.write(notebook, HERE / path.name)


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


if __name__ == "__main__":
    main()
