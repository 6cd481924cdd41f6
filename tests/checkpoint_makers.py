"""Files that no loader may trust."""

import os
from pathlib import Path


class RunsCode:
    """Pickles as a call that makes a file."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self.proof),)
