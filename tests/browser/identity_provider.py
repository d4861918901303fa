"""A sign-in service for tests: OpenID Connect that takes whoever comes for Ann, or says no."""

import secrets
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

CLIENT, SECRET = "latent-lab", "a secret of the tests"
CLAIMS = {"sub": "42", "name": "Ann Example", "email": "ann@example.org", "email_verified": True}


class Provider:
    """Its addresses; `claims` is what it says of whoever comes."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "tests", "use": "sig"})
        self.nonces, self.claims, self.url = {}, dict(CLAIMS), ""

    async def metadata(self, _request):
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request):
        asked = request.query_params
        code = secrets.token_hex(8)
        self.nonces[code] = asked.get("nonce")
        answer = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}")

    async def token(self, request):
        form = await request.form()
        now = int(time.time())
        said = {
            **self.claims, "iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600,
            "nonce": self.nonces.pop(form["code"]),
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "tests"}, said, self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})

    async def keys(self, _request):
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@contextmanager
def provider():
    """A running service."""
    result = Provider()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", result.metadata),
            Route("/authorize", result.authorize),
            Route("/token", result.token, methods=["POST"]),
            Route("/keys", result.keys),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    result.url = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield result
    finally:
        server.should_exit = True
        thread.join(10)


def secrets_file(folder, url):
    """The file that Streamlit reads, as tests/hosting/README.md shows it."""
    path = folder / "secrets.toml"
    path.write_text(
        f"""[auth]
redirect_uri = "http://localhost:{{port}}/oauth2callback"
cookie_secret = "{"c" * 32}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{url}/.well-known/openid-configuration"
"""
    )
    return path
