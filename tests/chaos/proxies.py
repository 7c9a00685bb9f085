"""nginx and Caddy with the files of deploy/, on ports and in folders of a test, with a certificate of its own."""

import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.chaos.drill_storm import answers
from tests.chaos.settings import FULL
from tests.running import ROOT
from tools.processes import LOOPBACK, free_port

DEPLOY = ROOT / "deploy"
NAME = "schedule.clinic.example"
MAIN = """daemon off; pid {folder}/nginx.pid; error_log {folder}/main.log; {user}
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/seriate.conf;
}}
"""


@dataclass
class Proxy:
    """A running proxy: its plain and its TLS port, and its access log."""

    port: int
    tls_port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


def program(name, package):
    """Return where a program is; say in one line what is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        (pytest.fail if FULL else pytest.skip)(f"{name} is missing: apt-get install {package}")
    return found


@contextmanager
def behind_nginx(folder, upstream):
    """Serve what listens on the upstream port through nginx with the shipped file."""
    nginx = program("nginx", "nginx-light")
    folder = folder / "nginx"
    folder.mkdir()
    proxy = Proxy(free_port(), free_port(), folder / "seriate.log")
    certificate, key = self_signed(folder)
    text = (DEPLOY / "nginx.conf").read_text()
    for before, after in (
        ("127.0.0.1:8000", f"{LOOPBACK}:{upstream}"),
        ("    listen 80;\n    listen [::]:80;\n", f"    listen {LOOPBACK}:{free_port()};\n"),
        (
            "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n",
            f"    listen {LOOPBACK}:{proxy.port};\n    listen {LOOPBACK}:{proxy.tls_port} ssl http2;\n",
        ),
        (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(certificate)),
        (f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(key)),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert before in text, f"deploy/nginx.conf no longer has {before!r}"
        text = text.replace(before, after)
    (folder / "seriate.conf").write_text(text)
    main = folder / "nginx.conf"
    main.write_text(MAIN.format(folder=folder, user="user root;" if is_root() else ""))
    command = [nginx, "-p", str(folder), "-c", str(main)]
    tested = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    with running(command, folder, proxy):
        yield proxy


@contextmanager
def behind_caddy(folder, upstream):
    """Serve what listens on the upstream port through Caddy with the shipped file, without TLS."""
    caddy = program("caddy", "caddy")
    folder = folder / "caddy"
    folder.mkdir()
    proxy = Proxy(free_port(), 0, folder / "seriate.log")
    text = (DEPLOY / "Caddyfile").read_text()
    for before, after in (
        ("127.0.0.1:8000", f"{LOOPBACK}:{upstream}"),
        ("\n{$SITE:" + NAME + "} {", f"\nhttp://{LOOPBACK}:{proxy.port} {{"),
        ("\n\tservers {", "\n\tadmin off\n\tauto_https off\n\tservers {"),
        ("/var/log/caddy/", f"{folder}/"),
    ):
        assert before in text, f"deploy/Caddyfile no longer has {before!r}"
        text = text.replace(before, after)
    (folder / "Caddyfile").write_text(text)
    with running(
        [caddy, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], folder, proxy
    ):
        yield proxy


@contextmanager
def running(command, folder, proxy):
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
    try:
        last = time.monotonic() + 60
        while not answers(f"{proxy.url}/login"):
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < last, "the proxy does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(60)


def self_signed(folder):
    """Write a certificate of the test's own, and return where it and its key are."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def is_root():
    return Path("/proc/self").stat().st_uid == 0
