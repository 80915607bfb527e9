"""Zips function programs as `cargo xtask package` does: FOLDER/ARCHITECTURE/NAME.zip, with the program as `bootstrap`.

Usage: zip_functions.py FOLDER PROGRAM...

Both architectures get the same programs, which are this machine's: a template may name either, and what is deployed runs
here. Packed fast rather than small, as these are debug builds.
"""

import os
import sys
import zipfile
from pathlib import Path

folder, *programs = map(Path, sys.argv[1:])
here, there = folder / "x86_64", folder / "arm64"
here.mkdir(parents=True)
there.mkdir()
for program in programs:
    name = f"{program.name}.zip"
    with zipfile.ZipFile(here / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(program, "bootstrap")
    os.link(here / name, there / name)
