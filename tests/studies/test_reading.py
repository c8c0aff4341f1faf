"""Lines of records in a text file, counted by hand while the file is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pmlib.studies import reading
from pmlib.studies.reading import RawPart, line_numbers
from pmlib.studies.spec import Member

PLAIN = ["1,2", "zz,9", "longer,text"]
ANY = [*PLAIN, "", '"x{0}y",2', 'x,"q"']


@given(
    records=st.lists(st.sampled_from(PLAIN)) | st.lists(st.sampled_from(ANY)),
    titles=st.lists(st.sampled_from(["A title", ""]), max_size=2),
    end=st.sampled_from(["\n", "\r\n"]),
    piece=st.sampled_from([1, 2, 3, 5, 1 << 20]),
)
def test_a_record_is_told_by_the_line_on_which_it_begins(records, titles, end, piece):
    written = [*titles, "a,b", *(record.format(end) for record in records)]
    starts, line = [], 1
    for number, record in enumerate(written):
        if number > len(titles) and record:  # a blank line is no record
            starts.append(line)
        line += 1 + record.count(end)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(end.join([*written, ""]).encode())
        member = Member(file="people.csv", table="people", skip=len(titles))
        usual, reading._PIECE = reading._PIECE, piece
        try:
            found = line_numbers(RawPart("v", "l", path, member), range(1, len(starts) + 1))
        finally:
            reading._PIECE = usual
    assert found == starts
