"""Scoring files: one in one go, or many records in shards that several processes score."""
