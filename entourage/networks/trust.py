"""What the HTTP clients of network libraries share: whose certificates they trust, and how much they swallow."""

import functools
import os
import ssl
from pathlib import Path

import certifi

LARGEST = 16_000_000
"""No answer may be larger after decoding: a page of a listing has some hundred kilobytes."""

_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def bundle() -> str:
    """The file of certificate authorities: the environment's word, the machine's, certifi's."""
    told = os.environ.get("SSL_CERT_FILE")
    for file in (told, ssl.get_default_verify_paths().cafile, *_FILES):
        if file and Path(file).is_file():
            return file
    return certifi.where()


@functools.cache
def context() -> ssl.SSLContext:
    """The same as a context of TLS; made once, as reading all those certificates takes tens of milliseconds."""
    return ssl.create_default_context(cafile=bundle())
