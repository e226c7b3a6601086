"""Configuration files: YAML -> a pipeline, or every mistake at once with its file, line and column."""

from nanotyped.config.case_rows import check_cases
from nanotyped.config.composites import class_factory, get_node_dict, load_composite
from nanotyped.config.export_file import render_file_python
from nanotyped.config.export_yaml import render_pipeline_yaml
from nanotyped.config.json_schema import pipeline_schema, render_schema
from nanotyped.config.linting import lint_files
from nanotyped.config.pipeline import (
    Discovery,
    Pipeline,
    check_pipeline,
    discover_schemas,
    load_pipeline,
    parse_pipeline,
)
from nanotyped.config.stubgen import static_files
from nanotyped.config.stubs import render_stub
from nanotyped.config.yaml_reader import load_yaml
from nanotyped.nodes.yaml_documents import install_yaml_reader

__all__ = [
    "Discovery",
    "Pipeline",
    "check_cases",
    "check_pipeline",
    "class_factory",
    "discover_schemas",
    "get_node_dict",
    "lint_files",
    "load_composite",
    "load_pipeline",
    "parse_pipeline",
    "pipeline_schema",
    "render_file_python",
    "render_pipeline_yaml",
    "render_schema",
    "render_stub",
    "static_files",
]

install_yaml_reader(load_yaml)
