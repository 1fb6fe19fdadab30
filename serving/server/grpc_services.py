"""PredictionService and ModelService over a Backend.

Source: tensorflow_serving/apis/prediction_service.proto and model_service.proto;
servables/tensorflow/predict_util.cc, multi_inference.cc, get_model_metadata_impl.cc and
model_servers/get_model_status_impl.cc for rules and words.
"""

import asyncio
from typing import Any

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
)

from serving.server import example_answers
from serving.server.core import Arrays, Backend, Servable, Signature
from serving.server.example_inputs import serialized_examples
from serving.server.grpc_calls import Observer, RpcCall, fill_spec, rpc, spec_of
from serving.server.grpc_rows import RowReaders
from serving.server.grpc_tensors import arrays_from_protos, fill_proto
from serving.server.grpc_turn import GrpcTurn
from serving.server.grpc_wire import WireRow
from serving.server.metrics import ServerMetrics
from serving.server.packed_rows import PackedRows
from serving.server.ran_rows import RanRows
from serving.server.status import Code, ServingError

_DEFAULT_SIGNATURE = "serving_default"
_SIGNATURE_DEF = "signature_def"
_PREDICT_METHODS = (
    "tensorflow/serving/predict",
    example_answers.CLASSIFY,
    example_answers.REGRESS,
)


class PredictionService(PredictionServiceServicer):
    """Answers with models.

    Attributes:
        metrics: Hears of every request.
        observers: Are told of every answered one.
    """

    service = "tensorflow.serving.PredictionService"

    def __init__(
        self,
        backend: Backend,
        metrics: ServerMetrics,
        *,
        as_content: bool = False,
        checks_methods: bool = False,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        """Serves a backend's models.

        Args:
            backend: The models.
            metrics: See above.
            as_content: Whether numbers go as tensor_content.
            checks_methods: Whether a signature's method_name must be the call's.
            observers: See above.
        """
        self.metrics = metrics
        self.observers = observers
        self._backend = backend
        self._as_content = as_content
        self._checks_methods = checks_methods
        self._turn = GrpcTurn()
        self._rows = RowReaders()

    @rpc("Predict")
    async def Predict(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Runs a signature on named tensors."""
        shared = request.layout.request if isinstance(request, WireRow) else request
        _require_spec(shared)
        servable = call.servable = self._backend.servable(spec_of(shared.model_spec))
        name = shared.model_spec.signature_name or _DEFAULT_SIGNATURE
        _check_predict(servable, name, checks_method=self._checks_methods)
        inputs = self._inputs(request, servable.signatures.get(name))
        call.num_rows = _num_rows(inputs)
        outputs = tuple(shared.output_filter)
        answers = await self._turn.run(servable, name, inputs, outputs)
        response = predict_pb2.PredictResponse()
        fill_spec(response.model_spec, servable, name)
        for alias, values in answers.items():
            fill_proto(response.outputs[alias], values, as_content=self._as_content)
        call.ran = RanRows(signature=name, inputs=inputs, outputs=answers)
        return response

    def _inputs(self, request: Any, signature: Signature | None) -> Arrays:
        reader = self._rows.reader(signature) if signature is not None else None
        if isinstance(request, WireRow):
            row = reader.read_wire(request) if reader is not None else None
            if row is not None:
                return row
            request = predict_pb2.PredictRequest.FromString(request.data)
        rows = reader.read(request.inputs) if reader is not None else None
        return arrays_from_protos(request.inputs) if rows is None else rows

    @rpc("Classify")
    async def Classify(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Runs a classification signature on tf.Examples."""
        response = classification_pb2.ClassificationResponse()
        answers = await self._run_examples(
            request, call, example_answers.CLASSIFY, response
        )
        example_answers.fill_classifications(response.result, answers, call.num_rows)
        return response

    @rpc("Regress")
    async def Regress(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Runs a regression signature on tf.Examples."""
        response = regression_pb2.RegressionResponse()
        answers = await self._run_examples(
            request, call, example_answers.REGRESS, response
        )
        example_answers.fill_regressions(response.result, answers, call.num_rows)
        return response

    @rpc("MultiInference")
    async def MultiInference(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Runs several signatures of one model on the same tf.Examples."""
        if not request.tasks:
            raise ServingError(
                Code.INVALID_ARGUMENT, "Inference request contains no tasks"
            )
        spec = spec_of(request.tasks[0].model_spec)
        servable = call.servable = self._backend.servable(spec)
        names = [
            task.model_spec.signature_name or _DEFAULT_SIGNATURE
            for task in request.tasks
        ]
        _check_tasks(servable, request.tasks, names, checks_method=self._checks_methods)
        examples = serialized_examples(request.input)
        call.num_rows = len(examples)
        self.metrics.on_examples(servable.name, len(examples))
        answers = await asyncio.gather(
            *(servable.run(name, {example_answers.INPUTS: examples}) for name in names)
        )
        response = inference_pb2.MultiInferenceResponse()
        for task, name, found in zip(request.tasks, names, answers, strict=True):
            result = response.results.add()
            fill_spec(result.model_spec, servable, name)
            if task.method_name == example_answers.CLASSIFY:
                example_answers.fill_classifications(
                    result.classification_result, found, len(examples)
                )
            else:
                example_answers.fill_regressions(
                    result.regression_result, found, len(examples)
                )
        return response

    @rpc("GetModelMetadata")
    async def GetModelMetadata(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Returns the signatures of a version."""
        _require_spec(request)
        if not request.metadata_field:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "GetModelMetadataRequest must specify at least one metadata_field",
            )
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise ServingError(
                    Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported"
                )
        servable = call.servable = self._backend.servable(spec_of(request.model_spec))
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in servable.signature_defs.items():
            signatures.signature_def[name].CopyFrom(definition)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    async def _run_examples(
        self, request: Any, call: RpcCall, method_name: str, response: Any
    ) -> Arrays:
        _require_spec(request)
        servable = call.servable = self._backend.servable(spec_of(request.model_spec))
        name = request.model_spec.signature_name or _DEFAULT_SIGNATURE
        example_answers.find_signature(
            servable, name, method_name, checks_method=self._checks_methods
        )
        examples = serialized_examples(request.input)
        call.num_rows = len(examples)
        self.metrics.on_examples(servable.name, len(examples))
        fill_spec(response.model_spec, servable, name)
        inputs = {example_answers.INPUTS: examples}
        answers = await servable.run(name, inputs)
        call.ran = RanRows(signature=name, inputs=inputs, outputs=answers)
        return answers


class ModelService(ModelServiceServicer):
    """Tells and changes which models are served.

    Attributes:
        metrics: Hears of every request.
        observers: Are told of every answered one.
    """

    service = "tensorflow.serving.ModelService"

    def __init__(
        self,
        backend: Backend,
        metrics: ServerMetrics,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        """Serves a backend."""
        self.metrics = metrics
        self.observers = observers
        self._backend = backend

    @rpc("GetModelStatus")
    async def GetModelStatus(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Returns the states of a model's versions."""
        del call
        _require_spec(request)
        response = get_model_status_pb2.GetModelStatusResponse()
        for found in self._backend.status(spec_of(request.model_spec)):
            status = response.model_version_status.add(version=found.version)
            status.state = get_model_status_pb2.ModelVersionStatus.State.Value(
                found.state
            )
            status.status.error_code = found.error_code
            status.status.error_message = found.error_message
        return response

    @rpc("HandleReloadConfigRequest")
    async def HandleReloadConfigRequest(self, request: Any, call: RpcCall) -> Any:  # noqa: N802 - gRPC's
        """Takes over another configuration; answers when its new models serve."""
        del call
        if request.config.WhichOneof("config") != "model_config_list":
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported",
            )
        await asyncio.to_thread(self._backend.reload_config, request.config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response


def _num_rows(inputs: Arrays) -> int:
    if isinstance(inputs, PackedRows):
        return inputs.num_rows
    for values in inputs.values():
        return len(values) if values.ndim else 1
    return 0


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")


def _check_predict(servable: Servable, name: str, *, checks_method: bool) -> None:
    definition = servable.signature_defs.get(name)
    if definition is None:
        raise ServingError(
            Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
        )
    if checks_method and definition.method_name not in _PREDICT_METHODS:
        raise ServingError(
            Code.INTERNAL,
            "Expected prediction signature method_name to be one of {"
            f"{', '.join(_PREDICT_METHODS)}}}. Was: {definition.method_name}",
        )


def _check_tasks(
    servable: Servable, tasks: Any, names: list[str], *, checks_method: bool
) -> None:
    signatures: list[Signature] = []
    for task, name in zip(tasks, names, strict=True):
        if task.model_spec.name != servable.name:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "All ModelSpecs in a MultiInferenceRequest must access the same model "
                "name.",
            )
        if name not in servable.signatures:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Requested signature not found in model graph: {name}",
            )
        if task.method_name not in (example_answers.CLASSIFY, example_answers.REGRESS):
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Unsupported signature method_name: {task.method_name}",
            )
        signature = servable.signatures[name]
        if signature in signatures:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Duplicate evaluation of signature: {name}"
            )
        example_answers.check_signature(
            signature, task.method_name, checks_method=checks_method
        )
        signatures.append(signature)
    tensors = {found.inputs[example_answers.INPUTS].tensor_name for found in signatures}
    if len(tensors) > 1:
        raise ServingError(
            Code.INVALID_ARGUMENT, "Input tensor must be the same for all Signatures."
        )
