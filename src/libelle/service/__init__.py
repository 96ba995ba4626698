"""The prediction service: published models over HTTP. FastAPI and uvicorn are imported in this room alone."""
