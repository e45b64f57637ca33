"""`python -m custos` is `custos`."""

import sys

from custos.cli import main

sys.exit(main())
