import logging
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

logging.disable()

if sys.argv[1] == "prepare":
    from helpers.fuzzing.corpus import prepare

    prepare(Path(sys.argv[2]))
else:
    from helpers.fuzzing.runner import main

    main(*sys.argv[1:])
