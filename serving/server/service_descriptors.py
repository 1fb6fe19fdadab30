"""What the services' methods take and give, for clients that ask by reflection.

tensorflow-serving-api declares it in prediction_service_pb2 and model_service_pb2;
protobuf 6 refuses to import them. Without it reflection lists the services and knows
none of their methods, so that grpcurl can call none.

Source: tensorflow_serving/apis/prediction_service.proto and model_service.proto.
"""

from collections.abc import Mapping

_FOLDER = "tensorflow_serving/apis"
_PACKAGE = "tensorflow.serving"

# File to service to method to request, response and the file that declares them.
_FILES: Mapping[str, tuple[str, Mapping[str, tuple[str, str, str]]]] = {
    "prediction_service": (
        "PredictionService",
        {
            "Classify": (
                "ClassificationRequest",
                "ClassificationResponse",
                "classification",
            ),
            "Regress": ("RegressionRequest", "RegressionResponse", "regression"),
            "Predict": ("PredictRequest", "PredictResponse", "predict"),
            "MultiInference": (
                "MultiInferenceRequest",
                "MultiInferenceResponse",
                "inference",
            ),
            "GetModelMetadata": (
                "GetModelMetadataRequest",
                "GetModelMetadataResponse",
                "get_model_metadata",
            ),
        },
    ),
    "model_service": (
        "ModelService",
        {
            "GetModelStatus": (
                "GetModelStatusRequest",
                "GetModelStatusResponse",
                "get_model_status",
            ),
            "HandleReloadConfigRequest": (
                "ReloadConfigRequest",
                "ReloadConfigResponse",
                "model_management",
            ),
        },
    ),
}


def register_services() -> None:
    """Declares the services in protobuf's default pool, where reflection looks."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    pool = descriptor_pool.Default()
    for file_name, (service_name, methods) in _FILES.items():
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{_FOLDER}/{file_name}.proto", package=_PACKAGE, syntax="proto3"
        )
        service = file.service.add(name=service_name)
        for method, (request, response, declared_in) in methods.items():
            file.dependency.append(f"{_FOLDER}/{declared_in}.proto")
            service.method.add(
                name=method,
                input_type=f".{_PACKAGE}.{request}",
                output_type=f".{_PACKAGE}.{response}",
            )
        try:
            pool.FindFileByName(file.name)
        except KeyError:
            pool.AddSerializedFile(file.SerializeToString())
