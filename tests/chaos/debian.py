"""Programs of the system that a drill needs: installed with apt where that is possible, else named in one line."""

import os
import shutil
import subprocess

import pytest


def program(name, package):
    """Return the path of a program of a Debian package."""
    if shutil.which(name) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *step], check=False, capture_output=True)
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"this drill needs {name}: install it (Debian: apt install {package})", pytrace=False)
    return found
