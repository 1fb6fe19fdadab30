"""Builds the one DAG and has TFX's own compiler turn it into a PipelineJob.

Heavy: imports TensorFlow and TFX.
"""

from typing import Any

from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from components.final_status.component import FinalStatusReporter
from pipeline.dag import create_pipeline
from pipeline.dag_inputs import DagInputs
from pipeline.run_values import RUN_ID_SLOT

EXIT_NODE = "final_status"
ENTRY_POINT = ("python", "-m", "pipeline.compile.container_entry")


def tfx_compile(inputs: DagInputs, image: str) -> dict[str, Any]:
    """Returns the PipelineJob as JSON: every node, and the exit handler.

    Schema 2.1: Kubeflow's backend takes no other, and Vertex AI takes it too.

    Args:
        inputs: For a cluster: pipeline/compile/cluster_inputs.py.
        image: Of every node.
    """
    deployment = inputs.config.deployment
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=image,
            default_commands=list(ENTRY_POINT),
            use_pipeline_spec_2_1=True,
        )
    )
    runner.set_exit_handler(
        FinalStatusReporter(
            final_status=FinalStatusStr(),
            run_id=RUN_ID_SLOT,
            model_base_path=deployment.model_base_path,
            model_name=inputs.config.name,
        ).with_id(EXIT_NODE)
    )
    job: dict[str, Any] = runner.run(create_pipeline(inputs), write_out=False)
    return job
