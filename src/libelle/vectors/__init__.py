"""Word vectors: where they come from, how they are reduced, and the small table that a process keeps of them."""
