"""Run ids, run folders and manifests."""
