"""Decoding of what Redis keeps."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import make_dataclass
from functools import partial

from jobs.storage import codec

FIELDS = {f"f{number}": {"a": number} for number in range(12)}


def test_threads_meet_a_type_for_the_first_time(request):
    """Four threads may decode a new type at once; msgspec alone would crash the process."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    for number in range(100):
        parts = [make_dataclass(f"{each}_{number}", [("a", int)]) for each in FIELDS]
        kind = make_dataclass(f"Whole{number}", zip(FIELDS, parts, strict=True))
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(codec.load, [codec.dump(FIELDS)] * 8, [kind] * 8)
        assert [*found] == [kind(*(part(n) for n, part in enumerate(parts)))] * 8
