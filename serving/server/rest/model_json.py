"""The JSON of a model's status and metadata, and of errors.

Source: tensorflow_serving/apis/get_model_status.proto (its json_names) and
model_servers/http_rest_api_util.cc, ToJsonString, whose layout is protobuf's, one space
a level; util/json_tensor.cc, MakeJsonFromStatus.
"""

import json
from collections.abc import Sequence
from typing import Any

from serving.server.core import Servable, VersionStatus
from serving.server.rest.json_layout import pretty_object, string_text
from serving.server.status import Code

_CODE_NAMES = {0: "OK", **{int(code): code.name for code in Code}}


def error_body(message: str) -> bytes:
    """Returns the body of an error."""
    members = [("error", string_text(message))]
    return pretty_object(members, 0).encode(errors="replace")


def status_body(versions: Sequence[VersionStatus]) -> bytes:
    """Returns the body of a status answer.

    Args:
        versions: In the order in which they are printed.
    """
    return _printed(
        {
            "model_version_status": [
                {
                    "version": str(version.version),
                    "state": version.state,
                    "status": {
                        "error_code": _code_name(version.error_code),
                        "error_message": version.error_message,
                    },
                }
                for version in versions
            ]
        }
    )


def _code_name(code: int) -> str | int:
    """The name of a code; protobuf prints the number of one it does not know."""
    return _CODE_NAMES.get(code, code)


def metadata_body(servable: Servable) -> bytes:
    """Returns the body of a metadata answer: all signatures of a version."""
    from google.protobuf.json_format import MessageToDict

    signatures = {
        name: MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for name, message in sorted(servable.signature_defs.items())
    }
    return _printed(
        {
            "model_spec": {
                "name": servable.name,
                "signature_name": "",
                "version": str(servable.version),
            },
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
    )


def _printed(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return f"{text}\n".encode(errors="replace")
