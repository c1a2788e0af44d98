"""Events folded into mergeable numbers."""
