#!/usr/bin/env python3
"""Uploads the model to Vertex AI and deploys it to an endpoint.

    python3 upload.py --project P --region europe-west4 --dry-run
    python3 upload.py --project P --region europe-west4 --endpoint ENDPOINT_ID

Needs google-cloud-aiplatform. The requests are model.json and deployed_model.json.

Exit codes: 0 done, 1 not done, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
UPLOAD_S, DEPLOY_S = 1800, 7200


def requests(options: argparse.Namespace) -> dict[str, Any]:
    """Returns what is sent, as JSON has it; what only answers tell is in brackets."""
    model = json.loads((HERE / "model.json").read_text(encoding="utf-8"))
    deployed = json.loads((HERE / "deployed_model.json").read_text(encoding="utf-8"))
    parent = f"projects/{options.project}/locations/{options.region}"
    upload: dict[str, Any] = {"parent": parent, "model": model}
    if options.parent_model:
        upload["parentModel"] = f"{parent}/models/{options.parent_model}"
    endpoint = (
        f"{parent}/endpoints/{options.endpoint}" if options.endpoint else "[created]"
    )
    if options.service_account:
        deployed["serviceAccount"] = options.service_account
    deploy = {
        "endpoint": endpoint,
        "deployedModel": {"model": "[uploaded]", **deployed},
        # "0" is the model that is being deployed.
        "trafficSplit": {} if options.keep_traffic else {"0": 100},
    }
    return {"uploadModel": upload, "deployModel": deploy}


def run(options: argparse.Namespace) -> None:
    """Sends the requests and waits for each."""
    from google.cloud import aiplatform_v1

    client_options = {"api_endpoint": f"{options.region}-aiplatform.googleapis.com"}
    sent = requests(options)
    models: Any = aiplatform_v1.ModelServiceClient(client_options=client_options)
    endpoints: Any = aiplatform_v1.EndpointServiceClient(client_options=client_options)
    upload = _message(aiplatform_v1.UploadModelRequest, sent["uploadModel"])
    uploaded = models.upload_model(request=upload).result(timeout=UPLOAD_S)
    model = f"{uploaded.model}@{uploaded.model_version_id}"
    sys.stdout.write(f"uploaded {model}\n")
    deploy = sent["deployModel"]
    if not options.endpoint:
        created = endpoints.create_endpoint(
            parent=sent["uploadModel"]["parent"],
            endpoint=aiplatform_v1.Endpoint(display_name=upload.model.display_name),
        ).result(timeout=UPLOAD_S)
        deploy["endpoint"] = created.name
        sys.stdout.write(f"created {created.name}\n")
    deploy["deployedModel"]["model"] = model
    done = endpoints.deploy_model(
        request=_message(aiplatform_v1.DeployModelRequest, deploy)
    ).result(timeout=DEPLOY_S)
    sys.stdout.write(f"deployed {done.deployed_model.id} to {deploy['endpoint']}\n")


def _message(kind: Any, document: dict[str, Any]) -> Any:
    """Reads a request from JSON; a field that Vertex AI does not know is an error."""
    return kind.from_json(json.dumps(document), ignore_unknown_fields=False)


def main(arguments: list[str] | None = None) -> int:
    """Uploads and deploys, or prints what would be sent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", required=True, help="id of the project")
    parser.add_argument("--region", required=True, help="such as europe-west4")
    parser.add_argument("--endpoint", help="id of an endpoint; else a new one")
    parser.add_argument("--parent-model", help="id of a model: upload a new version")
    parser.add_argument("--service-account", help="the container runs as this one")
    parser.add_argument(
        "--keep-traffic",
        action="store_true",
        help="deploy without traffic; an endpoint that has models keeps its split",
    )
    parser.add_argument("--dry-run", action="store_true", help="print, send nothing")
    options = parser.parse_args(arguments)
    if options.dry_run:
        sys.stdout.write(json.dumps(requests(options), indent=2) + "\n")
        return 0
    try:
        return _run(options)
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"upload.py: {error.name} is not installed: pip install "
            "google-cloud-aiplatform\n"
        )
    return 1


def _run(options: argparse.Namespace) -> int:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    try:
        run(options)
    except GoogleAuthError as error:
        sys.stderr.write(
            f"upload.py: no credentials for Google Cloud: {error}\n"
            "Sign in: gcloud auth application-default login\n"
        )
    except GoogleAPICallError as error:
        sys.stderr.write(f"upload.py: Vertex AI refused: {error}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
