"""From a run folder to a result with its verdict, and its renderings."""
