"""From a plan to a completed run: schema, prepared data, bases, the workflow and the files that a run keeps."""
