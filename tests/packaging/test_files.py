"""What the bundle is made of: files a desktop reads, and a spec that is Python."""

import configparser
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


def test_the_desktop_entry_opens_the_kinds_of_files_that_are_declared():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(PACKAGING / "linux" / "mouthpiece.desktop")
    row = entry["Desktop Entry"]
    kinds = {e.get("type"): e.find(f"{MIME}glob").get("pattern")
             for e in ET.parse(PACKAGING / "linux" / "mouthpiece.xml").getroot()}  # fmt: skip
    assert set(filter(None, row["MimeType"].split(";"))) <= set(kinds)
    assert kinds["application/x-mouthpiece-avatar"] == "*.avatar"
    assert row["Exec"] == "mouthpiece %f" and row["StartupWMClass"] == "mouthpiece"


def test_the_spec_is_python_and_names_what_the_children_are():
    source = (PACKAGING / "mouthpiece.spec").read_text()
    compile(source, "mouthpiece.spec", "exec")
    assert 'PACKAGES = ["engine", "app"]' in source and '"assets"' in source


@pytest.mark.parametrize("script", ["bundle.sh", "smoke.sh", "linux/install.sh"])
def test_every_script_is_well_formed(script):
    done = subprocess.run(["bash", "-n", str(PACKAGING / script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
