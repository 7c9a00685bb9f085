"""What only a production install needs: nothing but the runtime, and every module compiled.

The service's user may not write to the code, so a module that is not compiled here is compiled at every start.
"""

import shutil
import subprocess

from tools import assets, environment
from tools.places import BUILD, ROOT, VENV, VENV_PYTHON, Refused

COMPILED = ("config.py", "wsgi.py", "scheduler", str(VENV / "lib"))
NEVER_RUN = r"/(tests|pip|setuptools|fhir/resources/STU3)/"


def install() -> None:
    """Install what the services need, and leave nothing behind of what fetched it."""
    if environment.holds(environment.DEVELOPMENT):
        print("Removing the environment of tests and tools ...", flush=True)
        shutil.rmtree(VENV)
        shutil.rmtree(BUILD / "chromium", ignore_errors=True)
    environment.install(environment.RUNTIME)
    assets.fetch(development=False)
    if environment.holds(environment.NODE):
        environment.remove(environment.NODE)
    environment.remove(environment.UV)
    shutil.rmtree(assets.MODULES)
    print("Compiling ...", flush=True)
    command = [str(VENV_PYTHON), "-m", "compileall", "-q", "-j", "0", "-x", NEVER_RUN, *COMPILED]
    if subprocess.run(command, check=False, cwd=ROOT).returncode:
        raise Refused("the modules could not be compiled; the reason is above.")
