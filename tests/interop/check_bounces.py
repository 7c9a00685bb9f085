"""The failure notices that flufl.bounce is tested with, as its source package has them: how many are understood.

They are of 25 years and as many mail servers. What each one is says the table of its own tests.
"""

import ast
import subprocess
import sys
import tarfile
from importlib.metadata import version

import pytest

from scheduler.notify import received
from scheduler.notify.failure_notices import DELAYED_ACTION, FAILED, read_notice

# failures that its table leaves out, because no address can be found in them: what they say was read by a person
WITHOUT_ADDRESS = {"bounce_01.txt", "dumbass_01.txt", "simple_43.txt"}
NO_NOTICE = {"groupwise_03.txt", "qmail_08.txt"}  # a person's words, and an automatic reply


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of its tests."""
    folder, name = tmp_path_factory.mktemp("flufl"), f"flufl.bounce=={version('flufl.bounce')}"
    options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder), name]
    done = subprocess.run([sys.executable, "-m", "pip", "download", *options], check=False)
    if done.returncode:
        pytest.fail(f"the source of {name} cannot be had from PyPI", pytrace=False)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    [tests] = folder.glob("flufl*/tests")
    return tests


def labels(tests):
    """Return what each mail is: failed, delayed, or None for no notice."""
    tree = ast.parse((tests / "test_detectors.py").read_text())
    table = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "DETECTORS"
    )
    found = {name: DELAYED_ACTION if later else FAILED for _, name, who, later in table if who}
    return found | dict.fromkeys(WITHOUT_ADDRESS, FAILED) | dict.fromkeys(NO_NOTICE)


def test_failures_are_understood_and_nothing_else_is_called_one(source):
    expected = labels(source)
    wrong, false, total = [], [], 0
    for file in sorted((source / "data").glob("*.txt")):
        notice = read_notice(received.parse(file.read_bytes()), file.read_bytes())
        action, wanted = notice.action if notice else None, expected.get(file.name, FAILED)
        total += wanted == FAILED
        if wanted == FAILED and action != FAILED:
            wrong.append(file.name)
        if wanted != FAILED and action == FAILED:
            false.append(file.name)
    understood = total - len(wrong)
    print(f"\nflufl.bounce {version('flufl.bounce')}: {understood} of {total} failures understood, not: {wrong}; "
          f"{len(false)} of {len(expected) - total} others called a failure")  # fmt: skip

    assert understood >= 0.95 * total
    assert false == []
