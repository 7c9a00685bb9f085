"""Font configurations for browsers of tests: a browser that sees the given font files and no other font.

The shipped font is not among them: a page has it when its request is answered, and must hold when it is not.
"""

from pathlib import Path
from xml.sax.saxutils import escape

MODULES = Path(__file__).resolve().parents[1] / "node_modules"
DEJAVU = MODULES / "dejavu-fonts-ttf" / "ttf"
ARCHIVO = MODULES / "@expo-google-fonts" / "archivo-narrow"

# the only font of many bare Linux machines, 13 to 18 % wider than the shipped one
WIDE = (DEJAVU / "DejaVuSans.ttf", DEJAVU / "DejaVuSans-Bold.ttf")
NARROW = (
    ARCHIVO / "400Regular" / "ArchivoNarrow_400Regular.ttf",
    ARCHIVO / "700Bold" / "ArchivoNarrow_700Bold.ttf",
)
NAMES = {WIDE: "DejaVu Sans", NARROW: "Archivo Narrow"}

CONFIGURATION = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


def configure(files: tuple[Path, ...], folder: Path) -> Path:
    """Write a fontconfig file for a system with these fonts alone, and return its path."""
    (folder / "fonts").mkdir()
    for file in files:
        (folder / "fonts" / file.name).symlink_to(file.resolve(strict=True))
    configuration = folder / "fonts.conf"
    content = CONFIGURATION.format(folder=escape(str(folder / "fonts")), cache=escape(str(folder / "cache")))
    configuration.write_text(content, encoding="utf-8")
    return configuration
