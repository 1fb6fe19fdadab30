"""Trains, judges and pushes models on paper."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.lineage.metadata_graph import MetadataGraph
from pipeline.lineage.span_readers import find_span_readers
from pipeline.lineage.subjects import read_bundles
from serving.versions.ledger import Author
from serving.versions.promotion import record_push
from tests.pipeline.lineage.metadata_builder import MetadataBuilder
from tests.serving.versions.paper_bundle import write_paper_bundle


@dataclass
class Workshop:
    """Writes the metadata and the bundles of runs."""

    metadata: MetadataBuilder
    model_dir: Path
    ids: dict = field(default_factory=dict)

    def train(self, run, spans, other_input=None):
        """example_gen, transform, trainer."""
        add, execute = self.metadata.artifact, self.metadata.execute
        made = {
            "raw": add("Examples", spans=json.dumps(spans), rows=1000),
            "graph": add("TransformGraph"),
            "transformed": add("Examples"),
            "model": add("Model"),
        }
        execute(run, "example_gen", [], [made["raw"]])
        execute(run, "transform", [made["raw"]], [made["graph"], made["transformed"]])
        execute(
            run,
            "trainer",
            [made["graph"], made["transformed"], *filter(None, [other_input])],
            [made["model"]],
        )
        self.ids[run] = made
        return made

    def reuse(self, run, earlier):
        """The same three nodes, answered from the cache."""
        made, execute = self.ids[earlier], self.metadata.execute
        execute(run, "example_gen", [], [made["raw"]])
        execute(run, "transform", [made["raw"]], [made["graph"], made["transformed"]])
        execute(run, "trainer", [made["graph"], made["transformed"]], [made["model"]])
        self.ids[run] = made

    def judge(self, run, baseline=None):
        """Evaluator and quality_gate."""
        made, execute = self.ids[run], self.metadata.execute
        evaluation = self.metadata.artifact("ModelEvaluation")
        self.blessing = self.metadata.artifact("ModelBlessing")
        models = [made["model"], *([baseline] if baseline else [])]
        if baseline:
            self.metadata.resolve(run, baseline)
        execute(run, "evaluator", [made["raw"], *models], [evaluation])
        execute(run, "quality_gate", [evaluation, made["model"]], [self.blessing])

    def push(self, run, version, spans, *, writes_digest=True):
        """Pusher and the bundle itself."""
        staged = self.model_dir / f".pushing-{version}"
        sealed = write_paper_bundle(
            staged, version, name="flights", spans=spans, run_id=run
        )
        author = Author(who="ada@host", reason=f"run {run}")
        record_push(self.model_dir, staged, version, author=author)
        place = str(self.model_dir / str(version))
        properties = {"pushed": 1, "version": version, "pushed_destination": place}
        if writes_digest:
            properties["bundle_digest"] = sealed.digest
        self._pusher(run, **properties)
        return sealed

    def refuse(self, run, reason):
        self._pusher(run, pushed=0, reason=reason)

    def _pusher(self, run, **properties):
        pushed = self.metadata.artifact("PushedModel", **properties)
        inputs = [self.ids[run]["model"], self.blessing]
        self.metadata.execute(run, "pusher", inputs, [pushed])

    def graph(self):
        return MetadataGraph(self.metadata.path)

    def readers(self, span, graph=True):
        found = find_span_readers(
            span, read_bundles(self.model_dir), self.graph() if graph else None
        )
        return {(reader.version, reader.run_id): reader for reader in found}


def build_workshop(project_dir):
    """Makes three runs.

    a is refused; b reuses a's model and pushes it as version 1; c is compared with it
    and pushed as version 2.
    """
    work = Workshop(
        metadata=MetadataBuilder(project_dir / "work" / "metadata.sqlite"),
        model_dir=project_dir / "served" / "flights",
    )
    work.train("a", [1, 2])
    work.judge("a")
    work.refuse("a", "the serving validator did not bless the model")
    work.reuse("b", "a")
    work.judge("b")
    work.push("b", 1, [1, 2])
    work.train("c", [2, 3])
    work.judge("c", baseline=work.ids["a"]["model"])
    work.push("c", 2, [2, 3])
    return work
