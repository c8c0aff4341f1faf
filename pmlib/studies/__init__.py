"""Studies: where canonical tables come from, and nowhere else.

A study is a folder with a study.yaml, one SQL file a canonical table, and a data card.
"""

from pmlib.studies.assumed import Channel
from pmlib.studies.folders import STUDIES, list_studies, load_spec
from pmlib.studies.inspection import check_study, confirm, require_confirmed
from pmlib.studies.spec import StudySpec
from pmlib.studies.study import Attribute, Study, prepare, prepared

__all__ = [
    "STUDIES",
    "Attribute",
    "Channel",
    "Study",
    "StudySpec",
    "check_study",
    "confirm",
    "list_studies",
    "load_spec",
    "prepare",
    "prepared",
    "require_confirmed",
]
