"""What cannot work on a cluster is refused before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.compile.cluster_paths import on_cluster
from pipeline.compile.targets import KUBEFLOW, VERTEX, find_target
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.preflight import PreflightError
from pipeline.settings_loader import ConfigError
from tests.pipeline.compile.conftest import IMAGE, ON_KUBEFLOW, ON_VERTEX

ROOT = Path(__file__).resolve().parents[3]


def problems(target, places: dict, **settings: object) -> tuple[str, ...]:
    overrides = {**places, **{k.replace("__", "."): v for k, v in settings.items()}}
    with pytest.raises(PreflightError) as caught:
        on_cluster(load_config(find_config("flights"), overrides), target, ROOT)
    assert caught.value.exit_code == 2
    return caught.value.problems


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(ConfigError) as caught:
        find_target("vertx")

    assert str(caught.value) == (
        "--target is 'vertx'; it can be kubeflow, vertex. Did you mean 'vertex'?"
    )


def test_an_image_without_a_digest_is_refused():
    assert problems(VERTEX, ON_VERTEX, cluster__image="registry.example/slipway:1") == (
        (
            "cluster.image is 'registry.example/slipway:1', which has no digest: a tag "
            "can be moved, and two runs of one file would differ. Write name@sha256:… "
            "as `docker push` prints it, or allow it with --allow-tag."
        ),
    )


def test_an_image_without_a_digest_is_taken_where_it_is_allowed():
    config = load_config(
        find_config("flights"), {**ON_VERTEX, "cluster.image": "slipway:dev"}
    )

    assert on_cluster(config, VERTEX, ROOT, allow_tag=True).name == "flights"


def test_a_missing_image_is_refused_also_where_tags_are_allowed():
    config = load_config(find_config("flights"), {**ON_VERTEX, "cluster.image": ""})

    with pytest.raises(PreflightError, match=r"^cluster\.image is missing: every node"):
        on_cluster(config, VERTEX, ROOT, allow_tag=True)


def test_a_local_pipeline_root_is_refused():
    assert problems(KUBEFLOW, ON_KUBEFLOW, cluster__pipeline_root="/srv/artifacts") == (
        (
            "cluster.pipeline_root is '/srv/artifacts'; kubeflow keeps artifacts in a "
            "bucket: expected minio:// or s3:// or gs://."
        ),
    )


def test_spans_that_vertex_cannot_see_are_refused():
    config = load_config(find_config("flights"), ON_VERTEX)

    assert problems(VERTEX, ON_VERTEX, cluster__input_base="/mnt/spans") == (
        (
            "cluster.input_base is '/mnt/spans'; nodes on vertex cannot see "
            f"{config.data.input_base}. Copy it to a bucket and name that: gs://…"
        ),
    )


def test_models_on_no_volume_are_refused_for_kubeflow():
    config = load_config(find_config("flights"), ON_KUBEFLOW)

    assert problems(KUBEFLOW, ON_KUBEFLOW, cluster__model_base_path="/srv/models") == (
        (
            "cluster.model_base_path is '/srv/models', on none of cluster.volumes "
            "(/mnt/slipway); nodes on kubeflow cannot see "
            f"{config.deployment.model_base_path}. Copy it to a volume and name the "
            "path there."
        ),
    )


def test_volumes_are_refused_for_vertex():
    volumes = [{"claim": "slipway", "path": "/mnt/slipway"}]

    assert problems(VERTEX, ON_VERTEX, cluster__volumes=volumes) == (
        "cluster.volumes names /mnt/slipway; vertex mounts no volumes. Leave it out.",
    )


def test_a_schema_outside_the_project_is_refused(tmp_path):
    assert problems(
        VERTEX, ON_VERTEX, validation__schema=str(tmp_path / "a.pbtxt")
    ) == (
        (
            f"validation.schema is '{tmp_path}/a.pbtxt', outside the project {ROOT}: "
            "the image holds the project only. Move the schema into it."
        ),
    )


def test_a_model_server_of_this_machine_is_refused():
    (found,) = problems(VERTEX, ON_VERTEX, deployment__server_binary="/usr/bin/server")

    assert found.startswith(
        "deployment.server_binary is '/usr/bin/server', a path of this machine."
    )


def test_a_name_that_clusters_do_not_take_is_refused():
    assert problems(VERTEX, ON_VERTEX, name="Late_Flights") == (
        (
            "name is 'Late_Flights'; a cluster takes small letters, digits and -, 128 "
            "at most. Use another name."
        ),
    )


def test_all_problems_are_named_at_once():
    found = problems(VERTEX, {}, name="Late_Flights")

    assert [text.split(" ")[0] for text in found] == [
        "name",
        "cluster.image",
        "cluster.pipeline_root",
        "cluster.input_base",
        "cluster.model_base_path",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cluster.imag": IMAGE},
            (
                "unknown setting cluster.imag; known settings are image, gpu_image, "
                "project_root, pipeline_root, input_base, model_base_path, volumes, "
                "resources, nodes. Did you mean 'image'?"
            ),
        ),
        (
            {"cluster.nodes": {"trainer": {"gpus": 1}}},
            (
                "cluster.nodes.trainer.gpu_type is None and gpus is 1; give both or "
                "neither."
            ),
        ),
        (
            {"cluster.nodes": {"trainer": {"cpu": 0}}},
            "cluster.nodes.trainer.cpu is 0.0; expected more than 0.",
        ),
        (
            {"cluster.volumes": [{"claim": "My_Claim", "path": "/mnt"}]},
            (
                "cluster.volumes[0].claim is 'My_Claim'; expected small letters, "
                "digits and -."
            ),
        ),
        (
            {"cluster.volumes": [{"claim": "a", "path": "mnt"}]},
            (
                "cluster.volumes[0].path is 'mnt'; expected an absolute path other "
                "than '/'."
            ),
        ),
        (
            {"cluster.project_root": "slipway"},
            "cluster.project_root is 'slipway'; expected an absolute path.",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        load_config(find_config("flights"), settings)

    assert str(caught.value) == message


def test_refusals_do_not_wait_for_tensorflow():
    command = (
        "import sys; from pipeline.compile import compile_pipeline, cluster_paths; "
    )
    command += "sys.exit('tensorflow' in sys.modules or 'kfp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_the_command_refuses_with_exit_code_2_and_writes_nothing(tmp_path):
    path = tmp_path / "flights.yaml"
    command = [sys.executable, "-m", "pipeline.cli", "compile", "flights"]
    command += ["--target", "kubeflow", "--out", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("slipway: 4 problems:\n- cluster.image is missing:")
    assert not path.exists()


def test_an_engine_whose_workers_are_elsewhere_is_refused():
    (found,) = problems(VERTEX, ON_VERTEX, beam__engine="flink")

    assert found == (
        "beam.engine is 'flink'; a node on vertex works on folders that only it sees, "
        "and workers elsewhere do not. Use local or workers, and give nodes more "
        "processors."
    )
