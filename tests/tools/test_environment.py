"""The virtual environment of a checkout: what installs into it, and when."""

import json
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
