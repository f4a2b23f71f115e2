"""The lab in another Debian, as somebody who has just installed it runs it for the first time.

It shares this machine's kernel and control groups; docs/machines.md says what that leaves open.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.test_full_lab import PROVEN
from tests.machines.roots import PROGRAMS, installed

# Everything in it is seen by this machine too, so no other lab may have its name.
PROFILE = "other-system"
# One shell, since the system's processes end with it.
FIRST_RUN = f"""
python3 runner.py full-lab --profile {PROFILE} \
    -e kubernetes_source=path -e kubernetes_path={PROGRAMS}
code=$?
python3 runner.py status --profile {PROFILE} || code=1
python3 runner.py teardown --profile {PROFILE} || code=1
exit $code
"""


@pytest.mark.parametrize(("suite", "name"), [("trixie", "Debian GNU/Linux 13 (trixie)")])
def test_every_outcome_holds_from_empty_caches(suite: str, name: str) -> None:
    with installed(suite) as system:
        done = system.run("sh", "-c", FIRST_RUN)
        assert done.code == 0, done.out
        (report,) = system.project.glob(f"artifacts/{PROFILE}/*-full-lab/report.json")
        outcomes = json.loads(report.read_text(encoding="utf-8"))["outcomes"]
        verdicts = {each["id"]: each["verdict"] for each in outcomes}
        assert verdicts.keys() >= PROVEN
        assert set(verdicts.values()) == {"pass"}, verdicts
        # It ran there, with that system's own programs.
        assert name in next(each["observed"] for each in outcomes if each["id"] == "C1")
        assert [*(system.root / "var/cache/latihan/daemons").iterdir()]
        assert not (system.root / "var/lib/latihan").exists()
    assert not [*Path("/sys/fs/cgroup").glob(f"**/latihan/{PROFILE}")]
