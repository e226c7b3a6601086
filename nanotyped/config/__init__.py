"""Configuration files: YAML -> a pipeline, or every mistake at once with its file, line and column."""

from nanotyped.config.pipeline import (
    Discovery,
    Pipeline,
    check_pipeline,
    discover_schemas,
    load_pipeline,
    parse_pipeline,
)

__all__ = ["Discovery", "Pipeline", "check_pipeline", "discover_schemas", "load_pipeline", "parse_pipeline"]
