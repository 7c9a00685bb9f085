"""Programs of the system that a drill needs: installed with apt where that is possible, else named in one line."""

import os
import shutil
import subprocess

import pytest


def program(name, package):
    """Return the path of a program of a Debian package."""
    if shutil.which(name) is None:
        _install(package)
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"this drill needs {name}: install it (Debian: apt install {package})", pytrace=False)
    return found


def installed(*packages):
    """Make sure that these Debian packages are there."""
    missing = [one for one in packages if not _is_there(one)]
    if missing:
        _install(*missing)
    if missing := [one for one in missing if not _is_there(one)]:
        pytest.fail(f"this needs Debian packages: apt install {' '.join(missing)}", pytrace=False)


def _is_there(package):
    if shutil.which("dpkg-query") is None:
        return False
    asked = ["dpkg-query", "--show", "--showformat=${Status}", package]
    return subprocess.run(asked, check=False, capture_output=True).stdout.endswith(b" installed")


def _install(*packages):
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *step], check=False, capture_output=True)
