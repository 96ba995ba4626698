"""Where records come from: sources, schema, target rules and the split."""
