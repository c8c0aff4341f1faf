"""Raw files against a real server on this machine: whole, resumed, altered, gone."""

from __future__ import annotations

import ctypes
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from pmlib.errors import StudyError
from pmlib.params import Parameters
from pmlib.studies import prepare
from pmlib.studies.fetch import obtain
from pmlib.studies.spec import Member, Source

BODY = ("customer_id,income\n" + "".join(f"c{i},{i}.5\n" for i in range(5_000))).encode()
ROOT = Path(__file__).resolve().parents[2]

SHA = hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves BODY with ranges; `stops` lists after how many bytes each answer breaks off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.requests: list[str | None] = []
        self.stops: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/people.csv"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.path != "/people.csv":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = self.server.body[start:]
        if wanted and not body:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.server.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        stop = self.server.stops.pop(0) if self.server.stops else len(body)
        self.wfile.write(body[:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("PMLIB_MIRROR", raising=False)


def make_study(folder: Path, url: str, sha256: str | None = SHA) -> Path:
    folder.mkdir()
    (folder / "study.yaml").write_text(
        f"""
title: People
description: A study for tests.
licence: none
as_of: 2024-12-31
currency: EUR
sources:
  - file: people.csv
    url: {url}
    sha256: {sha256 or "null"}
tables: {{customers: customers.sql}}
attributes:
  income: {{label: Income}}
"""
    )
    (folder / "customers.sql").write_text(
        "SELECT customer_id, income::DOUBLE AS income FROM people"
    )
    return folder


def test_a_file_is_downloaded_checked_and_never_fetched_twice(tmp_path, server):
    study = make_study(tmp_path / "people", server.url)
    first = prepare(study, Parameters())
    again = prepare(study, Parameters())
    assert first == again
    assert first.rows == {"customers": 5_000}
    assert first.sources == (
        {"name": "people.csv", "address": server.url, "sha256": SHA, "size": len(BODY)},
    )
    assert server.requests == [None]


def test_a_download_that_breaks_off_is_taken_up_where_it_stopped(tmp_path, server):
    server.stops = [20_000]
    study = make_study(tmp_path / "people", server.url)
    assert prepare(study, Parameters()).rows == {"customers": 5_000}
    assert server.requests == [None, "bytes=20000-"]


def test_a_part_of_an_earlier_session_is_taken_up(tmp_path, server):
    study = make_study(tmp_path / "people", server.url)
    (study / "raw").mkdir()
    (study / "raw" / "people.csv.part").write_bytes(BODY[:30_000])
    prepare(study, Parameters())
    assert server.requests == ["bytes=30000-"]


def test_a_part_that_was_whole_already_is_kept(tmp_path, server):
    study = make_study(tmp_path / "people", server.url)
    (study / "raw").mkdir()
    (study / "raw" / "people.csv.part").write_bytes(BODY)
    assert prepare(study, Parameters()).sources[0]["sha256"] == SHA


def test_a_download_that_keeps_breaking_off_is_told_and_its_part_kept(tmp_path, server):
    server.stops = [1_000, 1_000, 1_000]
    study = make_study(tmp_path / "people", server.url)
    with pytest.raises(StudyError, match="after 3,000 bytes"):
        prepare(study, Parameters())
    assert (study / "raw" / "people.csv.part").stat().st_size == 3_000


def test_an_altered_download_is_refused_with_both_hashes(tmp_path, server):
    server.body = BODY.replace(b"c7,7.5", b"c7,9.5")
    study = make_study(tmp_path / "people", server.url)
    with pytest.raises(StudyError, match="truncated or altered") as caught:
        prepare(study, Parameters())
    assert SHA in caught.value.rule
    assert hashlib.sha256(server.body).hexdigest() in caught.value.found
    assert not list((study / "raw").glob("people.csv*"))


def test_a_file_altered_after_the_download_is_refused_with_both_hashes(tmp_path, server):
    study = make_study(tmp_path / "people", server.url)
    prepare(study, Parameters())
    (study / "raw" / "people.csv").write_bytes(BODY[:-100])
    with pytest.raises(StudyError, match="truncated or altered") as caught:
        prepare(study, Parameters())
    assert SHA in caught.value.rule
    assert hashlib.sha256(BODY[:-100]).hexdigest() in caught.value.found


def test_without_a_known_hash_the_first_use_pins_it(tmp_path, server):
    study = make_study(tmp_path / "people", server.url, sha256=None)
    prepare(study, Parameters())
    (study / "raw" / "people.csv").write_bytes(BODY[:-100])
    with pytest.raises(StudyError, match="pinned on first use") as caught:
        prepare(study, Parameters())
    assert SHA in caught.value.rule


def test_the_pin_holds_for_later_copies_from_elsewhere(tmp_path, server):
    study = make_study(tmp_path / "people", server.url, sha256=None)
    prepare(study, Parameters())
    (study / "raw" / "people.csv").unlink()
    mirror = tmp_path / "mirror"
    (mirror / "people").mkdir(parents=True)
    (mirror / "people" / "people.csv").write_bytes(BODY + b"x,1\n")
    with pytest.raises(StudyError, match="pinned on first use"):
        prepare(study, Parameters(), mirror=mirror)


def test_a_file_changed_in_place_is_seen_whatever_its_size_and_time_say(tmp_path):
    study = make_study(tmp_path / "people", "null", sha256=None)
    file = study / "people.csv"
    file.write_bytes(BODY)
    first = prepare(study, Parameters())
    before = file.stat()
    file.write_bytes(BODY.replace(b"c7,7.5", b"c7,9.5"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = prepare(study, Parameters())
    assert second.fingerprint != first.fingerprint
    assert not (study / "raw").exists()  # what one owns is not pinned
    query = "SELECT income FROM read_parquet(?) WHERE customer_id = 'c7'"
    found = [
        duckdb.execute(query, [str(s.tables["customers"])]).fetchall() for s in (first, second)
    ]
    assert found == [[(7.5,)], [(9.5,)]]


def test_a_mirror_is_read_in_place_without_the_network(tmp_path):
    study = make_study(tmp_path / "people", "http://127.0.0.1:9/people.csv")
    mirror = tmp_path / "mirror"
    (mirror / "people").mkdir(parents=True)
    (mirror / "people" / "people.csv").write_bytes(BODY)
    assert prepare(study, Parameters(), mirror=mirror).rows == {"customers": 5_000}
    assert not (study / "raw" / "people.csv").exists()


def test_the_environment_names_a_mirror_too(tmp_path, monkeypatch):
    study = make_study(tmp_path / "people", "http://127.0.0.1:9/people.csv")
    mirror = tmp_path / "mirror"
    (mirror / "people").mkdir(parents=True)
    (mirror / "people" / "people.csv").write_bytes(BODY)
    monkeypatch.setenv("PMLIB_MIRROR", str(mirror))
    assert prepare(study, Parameters()).rows == {"customers": 5_000}


def test_an_altered_file_in_the_mirror_is_refused(tmp_path):
    study = make_study(tmp_path / "people", "http://127.0.0.1:9/people.csv")
    mirror = tmp_path / "mirror"
    (mirror / "people").mkdir(parents=True)
    (mirror / "people" / "people.csv").write_bytes(BODY + b"x,1\n")
    with pytest.raises(StudyError, match="take it out of the mirror"):
        prepare(study, Parameters(), mirror=mirror)


def test_no_network_and_no_mirror_is_one_clear_error(tmp_path):
    # port 9 (discard) is closed: the connection is refused at once
    study = make_study(tmp_path / "people", "http://127.0.0.1:9/people.csv")
    with pytest.raises(StudyError, match="neither here nor can it be downloaded") as caught:
        prepare(study, Parameters())
    assert "no mirror given" in caught.value.found
    assert "people/people.csv" in caught.value.remedy


def test_a_page_that_is_gone_is_told_with_its_status(tmp_path, server):
    study = make_study(tmp_path / "people", server.url.replace("people.csv", "gone.csv"))
    with pytest.raises(StudyError, match="HTTP status 404"):
        prepare(study, Parameters())


def test_a_mirror_folder_that_is_not_there_is_told(tmp_path, server):
    study = make_study(tmp_path / "people", server.url)
    with pytest.raises(StudyError, match="no such mirror folder"):
        prepare(study, Parameters(), mirror=tmp_path / "nowhere")


def test_a_study_folder_that_cannot_be_written_is_told(tmp_path):
    study = make_study(tmp_path / "people", "http://127.0.0.1:9/people.csv", sha256=None)
    (study / "people.csv").write_bytes(BODY)
    (study / "raw").write_text("a file where a folder should be")
    with pytest.raises(StudyError, match="cannot be written to"):
        prepare(study, Parameters())


# --- several files of one source ----------------------------------------------------------------


def names(folder: Path, file: str) -> list[str]:
    source = Source(file=file, members=[Member(file=file, table="payments")])
    found = obtain(source, folder, mirror=None, progress=print)
    assert all(raw.members == tuple(source.members) for raw in found)
    return [raw.path.relative_to(folder).as_posix() for raw in found]


def test_a_pattern_or_a_folder_names_all_files_that_fit_in_the_order_of_their_paths(tmp_path):
    bank = tmp_path / "b[a]nk"  # what a pattern means is not meant in the study's own path
    for name in ("p_2.csv", "p_1.csv", "q.csv", "in/b.csv", "in/a.csv", "in/deep/c.csv"):
        (bank / name).parent.mkdir(parents=True, exist_ok=True)
        (bank / name).write_text("id\n1\n")
    (bank / "in" / ".DS_Store").write_text("hidden")
    (bank / "in" / "~$a.csv").write_text("of an open workbook")
    assert names(bank, "p_*.csv") == ["p_1.csv", "p_2.csv"]
    assert names(bank, "in") == names(bank, "in/") == ["in/a.csv", "in/b.csv"]
    assert names(bank, "in/**/*.csv") == ["in/a.csv", "in/b.csv", "in/deep/c.csv"]
    assert names(bank, "q.csv") == ["q.csv"]
    (bank / "p_*.csv").write_text("id\n1\n")  # a file that is really called so
    assert names(bank, "p_*.csv") == ["p_*.csv"]


@pytest.mark.parametrize(
    ("file", "found"), [("x_*.csv", "no such file"), ("in", "a folder without raw files")]
)
def test_a_pattern_or_folder_without_files_is_told(tmp_path, file, found):
    (tmp_path / "in").mkdir()
    with pytest.raises(StudyError, match="raw file is missing") as caught:
        names(tmp_path, file)
    assert caught.value.found == found


def test_a_file_that_comes_or_goes_gives_new_tables(tmp_path):
    study = make_study(tmp_path / "people", "null", sha256=None)
    declared = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(
        declared.replace("file: people.csv", "file: p_*.csv\n    table: people")
    )
    (study / "p_1.csv").write_bytes(BODY)
    made = [prepare(study, Parameters())]
    (study / "p_2.csv").write_text("customer_id,income\nz,1\n")
    made.append(prepare(study, Parameters()))
    (study / "p_2.csv").unlink()
    made.append(prepare(study, Parameters()))
    assert [one.rows["customers"] for one in made] == [5_000, 5_001, 5_000]
    assert made[0].fingerprint == made[2].fingerprint


def test_files_of_one_name_in_two_folders_are_both_seen(tmp_path):
    study = make_study(tmp_path / "people", "null", sha256=None)
    declared = (study / "study.yaml").read_text()
    both = "file: a/p.csv\n    table: people\n  - file: b/p.csv\n    table: others"
    declared = declared.replace("file: people.csv\n    url: null\n    sha256: null", both)
    (study / "study.yaml").write_text(declared)
    for folder in ("a", "b"):
        (study / folder).mkdir()
        (study / folder / "p.csv").write_bytes(BODY)
    first = prepare(study, Parameters())
    (study / "a" / "p.csv").write_bytes(BODY + b"z,1\n")
    assert prepare(study, Parameters()).rows == {"customers": first.rows["customers"] + 1}


# --- what is no file of data, and whose folder it is ----------------------------------------------

LOGIN = b"<!DOCTYPE html>\n<html><body><form action='/login'>Sign in</form></body></html>\n"


@pytest.mark.parametrize(
    ("body", "found"),
    [(LOGIN, "a web page"), (b'{"error": "unauthorised"}', "a JSON file"), (b"", "0 bytes")],
)
@pytest.mark.parametrize("sha256", [None, SHA])
def test_a_login_page_in_place_of_a_file_is_told_and_not_kept(
    tmp_path, server, body, found, sha256
):
    study = make_study(tmp_path / "people", server.url, sha256)
    server.body = body
    with pytest.raises(StudyError, match=rf"not a file of data(.|\n)*{found}"):
        prepare(study, Parameters())
    assert list((study / "raw").iterdir()) == []
    server.body = BODY  # signed in
    assert prepare(study, Parameters()).rows == {"customers": 5_000}


def closed_to_us() -> None:
    """Give up root's right to read what is closed to it."""
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP


def without_a_right_to(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """Run the command line where a folder is another user's."""
    is_root = os.geteuid() == 0
    if is_root and sys.platform != "linux":
        pytest.skip("root reads everything here")
    mine = folder.stat()
    if is_root:
        os.chown(folder, 65_534, 65_534)
    folder.chmod(0o700 if is_root else 0o000)
    done = subprocess.run(
        [sys.executable, "run_all.py", *arguments], cwd=ROOT, capture_output=True, text=True,
        check=False, preexec_fn=closed_to_us if is_root else None,
    )  # fmt: skip
    folder.chmod(0o700)
    if is_root:
        os.chown(folder, mine.st_uid, mine.st_gid)
    return done


def test_tables_and_runs_of_another_user_are_one_message(tmp_path):
    study = make_study(tmp_path / "people", "null", sha256=None)
    (study / "people.csv").write_bytes(BODY)
    prepare(study, Parameters())
    run = tmp_path / "run"
    (run / "artifacts").mkdir(parents=True)
    for folder, arguments in (
        (study / "tables", ["--study", str(study), "--out", str(tmp_path / "other")]),
        (study, ["--study", str(study), "--out", str(tmp_path / "other")]),
        (run, ["--study", str(study), "--out", str(run)]),
        (run, ["--compare", str(run), str(run)]),
    ):
        done = without_a_right_to(folder, arguments)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 2
        assert str(folder) in done.stderr, done.stderr
        assert "remedy" in done.stderr or "is not readable" in done.stderr
