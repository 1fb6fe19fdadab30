"""Encryption: our own driver looks at the certificate, MLMD only encrypts."""

import subprocess

import pytest
from ml_metadata.proto.metadata_store_pb2 import ArtifactType

from pipeline.metadata.connection import CREATE, open_store
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.server_check import check_server, prepare_server
from pipeline.metadata_config import MetadataTls
from tests.pipeline.metadata.database import USER, MariaDb


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority and a server's certificate for 127.0.0.1; another authority."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(
            ["openssl", *arguments],  # noqa: S607 - of the machine
            cwd=folder,
            check=True,
            capture_output=True,
        )

    for name in ("ca", "other"):
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
        )
    openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key"),
        *("-out", "server.csr", "-subj", "/CN=database"),
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    openssl(
        *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "names"),
    )
    return folder


@pytest.fixture(scope="module")
def encrypted_server(_mariadb, certificates):
    """A server that talks to our user only when it is encrypted."""
    made = MariaDb()
    for name in ("ca.pem", "server.pem", "server.key"):
        target = made.folder / name
        target.write_bytes((certificates / name).read_bytes())
        target.chmod(0o644)
    made.options = [
        f"--ssl-ca={made.folder / 'ca.pem'}",
        f"--ssl-cert={made.folder / 'server.pem'}",
        f"--ssl-key={made.folder / 'server.key'}",
    ]
    made.start()
    database = made.new_database()
    made.sql(f"ALTER USER '{USER}'@'%' REQUIRE SSL")
    yield lambda ca: made.server(
        database, tls=MetadataTls(ca=None if ca is None else str(certificates / ca))
    )
    made.remove()


@pytest.fixture
def encrypted(mariadb, encrypted_server):  # noqa: ARG001 - with the password
    """Returns the server as a client sees it that trusts one authority, or nobody."""
    return encrypted_server


def test_server_with_the_right_certificate_is_used(encrypted):
    server = encrypted("ca.pem")
    prepare_server(server)
    store = open_store(server, CREATE)
    assert store.put_artifact_type(ArtifactType(name="Model")) > 0


def test_server_with_the_certificate_of_another_authority_is_refused(
    encrypted, certificates
):
    with pytest.raises(MetadataRefusedError) as caught:
        check_server(encrypted("other.pem"))
    assert str(caught.value).startswith(
        f"the certificate of {encrypted('other.pem')} is not one that metadata.tls.ca "
        f"({certificates / 'other.pem'}) has signed for '127.0.0.1': "
    )


def test_server_that_wants_encryption_refuses_without(encrypted):
    with pytest.raises(MetadataRefusedError, match="or to TLS"):
        check_server(encrypted(None))


def test_certificate_file_that_is_missing_is_named(encrypted):
    with pytest.raises(
        MetadataRefusedError, match=r"metadata\.tls of .* cannot be used"
    ):
        check_server(encrypted("nowhere.pem"))
