"""Write the hashed locks: `python -m tools.lock [--upgrade]`.

Universal locks: one file serves every Python from 3.11 and every platform that the packages have. Without --upgrade
uv keeps the versions of the present lock wherever they still fit.
"""

import subprocess
import sys

from tools.environment import INPUTS
from tools.places import ROOT, Refused, answer

COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")


def main() -> int:
    for lock, made_from in INPUTS.items():
        source, target = made_from.relative_to(ROOT), lock.relative_to(ROOT)
        options = ["--no-header", "--system-certs", str(source), "-o", str(target), *sys.argv[1:]]
        if subprocess.run([sys.executable, "-m", "uv", *COMPILE, *options], check=False, cwd=ROOT).returncode:
            raise Refused(f"{source} could not be locked; the reason is above.")
        print(f"Locked {target}.")
    return 0


if __name__ == "__main__":
    answer(main)
