"""The cluster of these tests does what our own DAG has no use for, too.

A toy DAG: TFX's file-based ExampleGen with its driver, an importer, a condition that
holds and one that does not, a task that fails at first.
"""

import pytest
from tfx.components import CsvExampleGen
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types.standard_artifacts import Schema

from components.final_status.component import FinalStatusReporter
from pipeline.compile.compiled_file import yaml_text
from pipeline.compile.task_names import rename_tasks
from pipeline.compile.tfx_compile import ENTRY_POINT
from tests.e2e.cluster.compiled import Compiled
from tests.e2e.cluster.conditions import holds
from tests.e2e.cluster.local_cluster import SKIPPED, SUCCEEDED, LocalCluster
from tests.e2e.cluster.toy_components import FailOnce, Judge

pytestmark = pytest.mark.e2e


def compile_toy(folder) -> Compiled:
    for span in (1, 2):
        (folder / f"csv/span-{span}").mkdir(parents=True)
        rows = "\n".join(f"{row},{span}" for row in range(20))
        (folder / f"csv/span-{span}/rows.csv").write_text(f"row,span\n{rows}\n")
    (folder / "schema").mkdir()
    (folder / "schema/schema.pbtxt").write_text('feature { name: "row" }\n')
    example_gen = CsvExampleGen(
        input_base=str(folder / "csv"),
        input_config=example_gen_pb2.Input(
            splits=[example_gen_pb2.Input.Split(name="all", pattern="span-{SPAN}/*")]
        ),
    ).with_id("example_gen")
    importer = Importer(
        source_uri=str(folder / "schema"), artifact_type=Schema, reimport=True
    ).with_id("importer")
    judge = Judge(schema=importer.outputs["result"]).with_id("judge")
    report = judge.outputs["report"]
    with Cond(report.future()[0].custom_property("blessed") == 1):
        blessed = FailOnce(marker=str(folder / "marker")).with_id("yes")
    with Cond(report.future()[0].custom_property("blessed") == 0):
        other = FailOnce(marker=str(folder / "marker")).with_id("no")
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="toy",
            default_commands=list(ENTRY_POINT),
            use_pipeline_spec_2_1=True,
        )
    )
    runner.set_exit_handler(
        FinalStatusReporter(
            final_status=FinalStatusStr(),
            run_id="run-1",
            model_base_path=str(folder / "models"),
            model_name="toy",
        ).with_id("final_status")
    )
    parts = [example_gen, importer, judge, blessed, other]
    toy = Pipeline("toy", str(folder / "root"), components=parts)
    spec = runner.run(toy, write_out=False)["pipelineSpec"]
    rename_tasks(spec)
    spec["components"]["tfx-dag"]["dag"]["tasks"]["yes"]["retryPolicy"] = {
        "maxRetryCount": 1
    }
    return Compiled(yaml_text(spec, {}).encode(), ".yaml", str(folder / "root"))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    compiled = compile_toy(folder)
    return LocalCluster(folder / "cluster").run(compiled)


def test_the_file_based_driver_chooses_the_newest_span(tasks):
    assert tasks["example-gen"].state == SUCCEEDED, tasks["example-gen"].log
    assert tasks["example-gen"].parameters["span"] == 2
    assert tasks["example-gen"].output("examples").metadata["custom:span"] == 2


def test_an_importer_makes_an_artifact_of_a_folder(tasks):
    imported = tasks["importer"].output("result")

    assert (imported.title, tasks["importer"].exit_code) == ("tfx.Schema", None)
    assert tasks["judge"].output("report").metadata["blessed"] == 1


def test_a_task_runs_only_if_its_condition_holds(tasks):
    assert (tasks["yes"].state, tasks["no"].state) == (SUCCEEDED, SKIPPED)


def test_a_task_that_fails_is_tried_again_as_often_as_its_policy_says(tasks):
    assert tasks["yes"].attempts == 2


def test_conditions_are_evaluated_as_they_are_written():
    text = "(inputs.artifacts['a'].artifacts[0].metadata['blessed'] == 1.0)"
    (known,) = [type("A", (), {"metadata": {"blessed": 1.0}, "uri": "gs://b"})()]

    assert holds(text, {"a": [known]})
    assert not holds(f"!{text}", {"a": [known]})
    assert not holds(f"{text} && !{text}", {"a": [known]})
    assert holds(f"{text} || !{text}", {"a": [known]})
