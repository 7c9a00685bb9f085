"""The virtual environment of a checkout: what installs into it, and when."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tools import environment


def test_two_steps_that_need_the_same_lock_install_it_once(tmp_path, monkeypatch, capfd):
    lock = tmp_path / "extra.txt"
    lock.write_text("# asks for nothing\n", encoding="utf-8")
    stamp = tmp_path / "installed-locks.json"
    stamp.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "STAMP", stamp)
    both_ready = Barrier(2)

    def step():
        both_ready.wait()
        environment.install(lock)

    with ThreadPoolExecutor() as steps:
        for done in [steps.submit(step), steps.submit(step)]:
            done.result()

    assert capfd.readouterr().out.count("Installing extra.txt ...") == 1
    assert list(json.loads(stamp.read_text(encoding="utf-8"))) == ["extra.txt"]


def test_what_a_production_install_does_not_need_is_uninstalled_and_no_longer_counts_as_there(
    tmp_path, monkeypatch
):
    venv = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "carrier.py").touch()
    record = packages / "carrier-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n", encoding="utf-8")
    (record / "RECORD").write_text(
        "carrier.py,,\ncarrier-1.0.dist-info/METADATA,,\ncarrier-1.0.dist-info/RECORD,,\n", encoding="utf-8"
    )
    lock = tmp_path / "carrier.txt"
    lock.write_text(f"carrier==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    stamp = venv / "installed-locks.json"
    stamp.write_text('{"carrier.txt": "1", "requirements.txt": "2"}', encoding="utf-8")
    monkeypatch.setattr(environment, "STAMP", stamp)
    monkeypatch.setattr(environment, "VENV_PYTHON", venv / "bin" / "python")

    assert environment.holds(lock)
    environment.remove(lock)

    assert not environment.holds(lock)
    assert environment.holds(environment.RUNTIME)
    assert [file.name for file in packages.glob("carrier*")] == []
