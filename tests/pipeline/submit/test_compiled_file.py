"""A compiled file is read as kfp's own loader reads it, and nothing else is."""

import pytest
import yaml
from google.protobuf import json_format
from kfp.client.client import _extract_pipeline_yaml

from pipeline.settings_loader import ConfigError
from pipeline.submit.compiled_file import (
    RuntimeParameter,
    parse_compiled,
    read_compiled,
)


def test_both_documents_are_what_kfp_reads(kubeflow_file, compiled):
    theirs = _extract_pipeline_yaml(str(kubeflow_file))
    assert compiled.spec == json_format.MessageToDict(theirs.pipeline_spec)
    assert compiled.platform == json_format.MessageToDict(theirs.platform_spec)
    assert (compiled.name, compiled.schema_version) == ("rides", "2.1.0")
    assert compiled.pipeline_root == "gs://bucket/rides"
    assert compiled.values == {}


def test_parameter_is_required_unless_it_has_a_default_or_is_optional(compiled):
    required = {name for name, p in compiled.parameters.items() if p.is_required}
    assert required == {"last_span"}
    assert compiled.parameters["min_auc"] == RuntimeParameter(
        type="NUMBER_DOUBLE", is_required=False
    )


def test_job_around_the_spec_brings_values_root_and_labels(vertex_file):
    compiled = read_compiled(vertex_file)
    assert compiled.values == {"last_span": 12}
    assert not compiled.parameters["last_span"].is_required
    assert compiled.labels == {"tfx_version": "1-21-0"}
    assert compiled.platform == {}


def test_file_that_is_not_there_is_named_with_the_way_to_make_it(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"^--compiled \S+/none\.yaml cannot be read: No such file or directory\. "
        r"Write it with 'slipway compile', or leave --compiled out to compile first\.$",
    ):
        read_compiled(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", r"^F is not a compiled pipeline: it holds no mapping\.$"),
        (b"[1]", r"^F is not a compiled pipeline: it holds no mapping\.$"),
        (b"{}", r"^F is not a compiled pipeline: it has no pipelineInfo\.name or no"),
        (b"pipelineInfo: 3", r"^F is not a compiled pipeline: it has no pipelineInfo"),
        (b"a: [", r"^F is neither YAML nor JSON: "),
        (b"\xff\xfe\x00", r"^F is neither YAML nor JSON: "),
    ],
)
def test_other_content_is_refused(content, text):
    with pytest.raises(ConfigError, match=text):
        parse_compiled(content, "F")


def test_tag_in_the_file_constructs_nothing():
    with pytest.raises(ConfigError, match=r"neither YAML nor JSON: could not"):
        parse_compiled(b"!!python/object/apply:os.getcwd []", "F")


def test_spec_that_lacks_a_root_is_refused(kubeflow_file):
    spec, _ = yaml.safe_load_all(kubeflow_file.read_text())
    del spec["root"]
    with pytest.raises(ConfigError, match=r"or no root\. Write one with 'slipway comp"):
        parse_compiled(yaml.safe_dump(spec).encode(), "F")


def test_small_number_in_json_stays_a_number(vertex_file):
    text = vertex_file.read_text().replace('"last_span": 12', '"min_auc": 1e-05')
    assert parse_compiled(text.encode(), "F").values == {"min_auc": 0.00001}
