"""Generated files are read by the server's own parsers, and say what was planned."""

import pytest

from serving.deploy.config_files import (
    batching_config,
    models_config,
    monitoring_config,
)
from serving.deploy.release import release_steps
from serving.server.batching_parameters import BatchingParameters
from serving.server.batching_parameters import read_batching_parameters as read_batching
from serving.server.config_messages import new_message, read_text_message
from serving.server.model_config import read_model_config_file
from serving.server.monitoring_config import read_metrics_path


@pytest.fixture
def write(tmp_path):
    def to_disk(file):
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(file.text)
        return path

    return to_disk


def test_models_config_names_model_folder_versions_and_labels(write):
    step = release_steps(7, 6)[1]
    file = models_config(step.name, "rides", "gs://bucket/models/rides", step)
    assert file.path == "2-canary/models.config"
    (model,) = read_model_config_file(write(file))
    assert model.name == "rides"
    # pathlib folds the slashes of a URL.
    assert str(model.base_path) == "gs:/bucket/models/rides"
    assert model.policy.specific == {6, 7}
    assert model.labels == {"stable": 6, "canary": 7}
    assert 'base_path: "gs://bucket/models/rides"' in file.text
    assert file.text.startswith("# Label canary names 7.\n")


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_batching_config_is_read_as_it_was_sized(write, plan_of, accelerator):
    sized = plan_of(accelerator=accelerator).sizing.batching
    path = write(batching_config("server", sized))
    assert read_batching(path) == BatchingParameters(
        max_batch_size=sized.max_batch_size,
        max_enqueued_batches=sized.max_enqueued_batches,
        batch_timeout_s=sized.batch_timeout_micros / 1e6,
        num_batch_threads=sized.num_batch_threads,
        allowed_batch_sizes=sized.allowed_batch_sizes,
    )
    # A field at 0 is there too: without it TF Serving takes a default of its own.
    message = read_text_message(path, new_message("BatchingParameters"))
    assert message.HasField("batch_timeout_micros")


def test_every_batching_field_stands_under_its_reason(plan_of):
    batching = plan_of().sizing.batching
    lines = batching_config("server", batching).text.splitlines()
    for field, reason in batching.reasons.items():
        place = lines.index(f"# {field}: {reason}")
        assert lines[place + 1].startswith(field)


def test_metrics_are_shown_where_prometheus_is_told_to_look(write):
    path = write(monitoring_config("server"))
    assert read_metrics_path(path) == "/monitoring/prometheus/metrics"
