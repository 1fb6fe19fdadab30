"""Answers requests below /v1/: what TF Serving's HttpRestApiHandler does.

A body is parsed before its model is looked up, so a broken body gets 400 even where
there is no such model.
Source: tensorflow_serving/model_servers/http_rest_api_handler.cc.
"""

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from serving.server.core import Arrays, Backend, ModelSpec, Servable, Signature
from serving.server.example_answers import CLASSIFY, REGRESS, find_signature
from serving.server.packed_rows import PackedRows
from serving.server.ran_rows import RanRows
from serving.server.rest.example_answer import classify_answer, regress_answer
from serving.server.rest.example_request import parse_example_request
from serving.server.rest.http_message import Answer
from serving.server.rest.input_plan import SignaturePlan, plan_signature
from serving.server.rest.model_json import metadata_body, status_body
from serving.server.rest.options import RestOptions
from serving.server.rest.predict_answer import predict_answer
from serving.server.rest.predict_request import parse_predict_request, request_inputs
from serving.server.rest.routes import Route
from serving.server.status import Code, ServingError

_DEFAULT_SIGNATURE = "serving_default"
_METHODS = {f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress")}
_REMEMBERED_PLANS = 1024
_Call = Callable[[ModelSpec, bytes, Answer], Awaitable[None]]


class ModelApi:
    """The calls of one server."""

    def __init__(self, backend: Backend, options: RestOptions) -> None:
        """Takes the models and what requests are held to."""
        self._backend = backend
        self._options = options
        # id of a signature, kept alive beside its plan, so that no other gets the id.
        self._plans: dict[int, tuple[Signature, SignaturePlan]] = {}
        self._calls: dict[str, _Call] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
        }

    async def answer(self, route: Route, body: bytes, answer: Answer) -> None:
        """Answers one request.

        Args:
            route: What is asked.
            body: Of the request.
            answer: Is filled in, as far as it goes also where an error is raised.

        Raises:
            ServingError: What the client gets instead.
        """
        answer.api, answer.model = route.api, route.spec.name
        if route.api == "status":
            answer.body = status_body(self._backend.status(route.spec))
        elif route.api == "metadata":
            servable = self._servable(route.spec, answer)
            answer.body = metadata_body(servable)
        else:
            await self._calls[route.api](route.spec, body, answer)

    def _servable(self, spec: ModelSpec, answer: Answer) -> Servable:
        servable = answer.servable = self._backend.servable(spec)
        return servable

    async def _predict(self, spec: ModelSpec, body: bytes, answer: Answer) -> None:
        request = parse_predict_request(body)
        servable = self._servable(spec, answer)
        name = request.signature_name or _DEFAULT_SIGNATURE
        plan = self.plan(servable, name, asked=request.signature_name)
        inputs, is_row_format = request_inputs(
            request, plan, self._options.max_instances
        )
        answer.num_rows = _num_rows(inputs)
        outputs = await servable.run(name, inputs)
        answer.body = predict_answer(outputs, is_row_format=is_row_format)
        answer.ran = RanRows(signature=name, inputs=inputs, outputs=outputs)

    async def _classify(self, spec: ModelSpec, body: bytes, answer: Answer) -> None:
        examples, servable, name = self._examples(spec, body, answer, CLASSIFY)
        signature = servable.signatures[name]
        wanted = [key for key in ("classes", "scores") if key in signature.outputs]
        outputs = await servable.run(name, examples, wanted)
        answer.body = classify_answer(outputs, answer.num_rows)
        answer.ran = RanRows(signature=name, inputs=examples, outputs=outputs)

    async def _regress(self, spec: ModelSpec, body: bytes, answer: Answer) -> None:
        examples, servable, name = self._examples(spec, body, answer, REGRESS)
        outputs = await servable.run(name, examples, ("outputs",))
        answer.body = regress_answer(outputs, answer.num_rows)
        answer.ran = RanRows(signature=name, inputs=examples, outputs=outputs)

    def _examples(
        self, spec: ModelSpec, body: bytes, answer: Answer, method_name: str
    ) -> tuple[Arrays, Servable, str]:
        request = parse_example_request(body, self._options.max_instances)
        servable = self._servable(spec, answer)
        name = request.signature_name or _DEFAULT_SIGNATURE
        find_signature(
            servable, name, method_name, checks_method=self._options.checks_methods
        )
        answer.num_rows = len(request.examples)
        return {"inputs": _as_text(request.examples)}, servable, name

    def plan(self, servable: Servable, name: str, *, asked: str = "") -> SignaturePlan:
        """Returns what a signature asks of a request.

        Args:
            servable: A version.
            name: Of the signature.
            asked: What the request calls it; "": it names none.

        Raises:
            ServingError: INVALID_ARGUMENT: there is no such signature, or it is not
                for predict.
        """
        signature = servable.signatures.get(name)
        if signature is None:
            raise _invalid(
                f'Serving signature name: "{name}" not found in signature def'
            )
        remembered = self._plans.get(id(signature))
        if remembered is not None and remembered[0] is signature:
            return remembered[1]
        if not signature.inputs:
            raise _invalid(
                f"Failed to get input map for signature: {asked or 'DEFAULT'}"
            )
        if self._options.checks_methods and signature.method_name not in _METHODS:
            raise _invalid(
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(sorted(_METHODS))}}}. Was: {signature.method_name}"
            )
        plan = plan_signature(signature, self._options.nullable_inputs(servable, name))
        if len(self._plans) >= _REMEMBERED_PLANS:
            del self._plans[next(iter(self._plans))]
        self._plans[id(signature)] = (signature, plan)
        return plan


def _num_rows(inputs: Arrays) -> int:
    if isinstance(inputs, PackedRows):
        return inputs.num_rows
    for values in inputs.values():
        return len(values) if values.ndim else 1
    return 0


def _as_text(examples: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    array = np.empty(len(examples), object)
    array[:] = examples
    return array


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
