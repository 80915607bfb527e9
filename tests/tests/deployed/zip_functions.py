"""Zips function programs for Lambda: each as `bootstrap` in NAME.zip.

Usage: zip_functions.py FOLDER PROGRAM...

Packed fast rather than small: these are debug builds on their way to the same machine.
"""

import sys
import zipfile
from pathlib import Path

folder, *programs = map(Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
for program in programs:
    with zipfile.ZipFile(folder / f"{program.name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(program, "bootstrap")
