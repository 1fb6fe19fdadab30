"""Back from a model to its data, forward from a span to its models."""

import shutil

import pytest

from pipeline.lineage.chain import trace_chain
from pipeline.lineage.metadata_graph import MetadataGraph
from pipeline.metadata.errors import MetadataError
from serving.bundle.contract import read_contract
from tests.pipeline.lineage.workshop import build_workshop
from tests.serving.versions.paper_bundle import write_paper_bundle


@pytest.fixture
def workshop(project):
    return build_workshop(project.folder)


def chain_of(workshop, version):
    sealed = read_contract(workshop.model_dir / str(version))
    return trace_chain(workshop.graph(), sealed)


# Back


def test_chain_leads_from_the_push_to_the_spans(workshop):
    chain = chain_of(workshop, 2)
    nodes = [step.execution.node_id for step in chain.steps]
    assert nodes == [
        "pusher",
        "quality_gate",
        "evaluator",
        "trainer",
        "transform",
        "example_gen",
    ]
    made = workshop.ids["c"]
    trainer, transform, example_gen = chain.steps[3:]
    assert [facts.artifact_id for facts in trainer.outputs] == [made["model"]]
    assert {facts.type_name for facts in transform.outputs} == {
        "TransformGraph",
        "Examples",
    }
    assert example_gen.outputs[0].properties["spans"] == "[2, 3]"
    assert example_gen.outputs[0].uri.endswith(f"examples/{made['raw']}")
    assert all(step.reused_by is None for step in chain.steps)
    assert chain.notes == ()


def test_step_from_the_cache_names_the_run_that_made_it(workshop):
    chain = chain_of(workshop, 1)
    runs = {
        step.execution.node_id: (
            step.execution.run_id,
            step.reused_by.run_id if step.reused_by else None,
        )
        for step in chain.steps
    }
    assert runs["trainer"] == runs["example_gen"] == ("a", "b")
    assert runs["pusher"] == runs["quality_gate"] == ("b", None)


def test_resolver_that_found_a_model_did_not_make_it(workshop):
    graph = workshop.graph()
    makers = graph.producers(workshop.ids["a"]["model"])
    nodes = [graph.execution(maker) for maker in makers]
    assert [(node.node_id, node.run_id) for node in nodes] == [
        ("trainer", "a"),
        ("trainer", "b"),
    ]


def test_baseline_is_named_but_its_origin_is_not_the_models(workshop):
    chain = chain_of(workshop, 2)
    baseline = workshop.ids["a"]
    assert [facts.artifact_id for facts in chain.compared_with] == [baseline["model"]]
    reached = {facts.artifact_id for step in chain.steps for facts in step.outputs}
    assert not reached & set(baseline.values())
    assert chain_of(workshop, 1).compared_with == ()


def test_model_that_goes_on_from_another_has_its_origin_too(workshop):
    workshop.train("d", [4], other_input=workshop.ids["c"]["model"])
    workshop.judge("d", baseline=workshop.ids["c"]["model"])
    workshop.push("d", 3, [4])
    chain = chain_of(workshop, 3)
    spans = [
        facts.properties["spans"]
        for step in chain.steps
        for facts in step.outputs
        if "spans" in facts.properties
    ]
    assert spans == ["[4]", "[2, 3]"]
    assert chain.compared_with == ()
    assert (3, "d") in workshop.readers(2)


def test_push_without_a_digest_is_found_by_run_and_version(workshop):
    workshop.train("d", [4])
    workshop.judge("d")
    workshop.push("d", 3, [4], writes_digest=False)
    assert chain_of(workshop, 3).steps[0].execution.run_id == "d"
    assert workshop.readers(4)[3, "d"].remark == ""


def test_bundle_of_another_work_dir_is_told(workshop, tmp_path):
    sealed = write_paper_bundle(tmp_path / "other", 2, name="flights", run_id="c")
    chain = trace_chain(workshop.graph(), sealed)
    assert chain.steps == ()
    assert "knows no push of version 2 by run c" in chain.notes[0]


def test_folder_that_is_gone_is_told(workshop):
    model = chain_of(workshop, 2).steps[3].outputs[0]
    shutil.rmtree(model.uri)
    (note,) = chain_of(workshop, 2).notes
    assert note.startswith(f"the folders of artifacts {model.artifact_id} are gone;")


def test_reading_leaves_the_store_as_it_is(workshop):
    before = workshop.metadata.path.read_bytes()
    chain_of(workshop, 2)
    workshop.readers(2)
    assert workshop.metadata.path.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but some text"])
def test_store_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "metadata.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MetadataError, match=r"metadata\.sqlite"):
        MetadataGraph(path)
    assert path.exists() == (content is not None)


# Forward


def test_span_names_pushed_and_never_pushed_models(workshop):
    workshop.train("d", [2])
    found = workshop.readers(2)
    assert set(found) == {(1, "b"), (2, "c"), (None, "d")}
    assert found[1, "b"].model.artifact_id == workshop.ids["a"]["model"]
    assert found[2, "c"].contract_span.digest == "02" * 32
    assert found[1, "b"].remark == found[2, "c"].remark == ""
    assert found[None, "d"].remark == "never pushed: its run ended before the pusher"


def test_span_of_the_baseline_is_not_the_models(workshop):
    assert set(workshop.readers(1)) == {(1, "b")}
    assert set(workshop.readers(3)) == {(2, "c")}
    assert workshop.readers(9) == {}


def test_schema_that_was_inferred_from_a_span_does_not_carry_its_rows(workshop):
    schema = workshop.metadata.artifact("Schema")
    raw = workshop.ids["a"]["raw"]
    workshop.metadata.execute("a", "schema_gen", [raw], [schema])
    workshop.train("d", [8], schema)
    assert set(workshop.readers(1)) == {(1, "b")}
    assert set(workshop.readers(8)) == {(None, "d")}


def test_model_that_was_refused_has_read_the_span_as_well(workshop):
    workshop.train("d", [5])
    workshop.judge("d")
    workshop.refuse("d", "the quality gate did not bless the model")
    (reader,) = workshop.readers(5).values()
    assert (reader.version, reader.path) == (None, None)
    assert reader.remark == "never pushed: the quality gate did not bless the model"


def test_bundle_that_is_gone_is_told(workshop):
    shutil.rmtree(workshop.model_dir / "1")
    assert "where its bundle is no more" in workshop.readers(1)[1, "b"].remark


def test_contract_and_metadata_that_disagree_are_told(workshop):
    workshop.train("d", [6])
    workshop.judge("d")
    workshop.push("d", 3, [7])
    assert workshop.readers(6)[3, "d"].remark.startswith("by the metadata only")
    assert workshop.readers(7)[3, "d"].remark.startswith("by its contract only")


def test_contracts_alone_answer_without_metadata(workshop):
    found = workshop.readers(2, graph=False)
    assert set(found) == {(1, "b"), (2, "c")}
    assert {reader.remark for reader in found.values()} == {""}


def test_examples_with_spans_that_are_no_json_are_left_out(workshop):
    workshop.metadata.artifact("Examples", spans="1 to 2")
    assert (1, "b") in workshop.readers(1)
