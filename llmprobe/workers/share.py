"""Which worker runs which virtual user: pure.

User ids are global; worker i of n starts with those that leave i when divided by n. When a worker dies, the
residues it held go to the survivors in turn, so that nobody else's users move.
"""

from llmprobe.workers.frames import Share


def first_shares(workers: int) -> dict[int, Share]:
    """Shares at the start, by worker."""
    return {worker: Share(of=workers, residues=(worker,)) for worker in range(workers)}


def after_loss(shares: dict[int, Share], lost: int) -> dict[int, Share]:
    """New shares of the survivors once `lost` is gone; empty when it was the last."""
    survivors = sorted(worker for worker in shares if worker != lost)
    if not survivors:
        return {}
    kept = {worker: list(shares[worker].residues) for worker in survivors}
    for residue in shares[lost].residues:
        poorest = min(survivors, key=lambda worker: (len(kept[worker]), worker))
        kept[poorest].append(residue)
    return {worker: Share(of=shares[worker].of, residues=tuple(sorted(kept[worker]))) for worker in survivors}
