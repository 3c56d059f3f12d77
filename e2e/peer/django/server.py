"""Serves django-oauth-toolkit on a free port of 127.0.0.1.

Prints "ready URL" and ends when standard input does. PEER_OPTIONS is JSON:
redirectURIs, secret, database, username, password.
"""

import json
import os
import socketserver
import sys
import threading
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

options = json.loads(os.environ["PEER_OPTIONS"])

LOGIN_PAGE = """<!DOCTYPE html><html lang="en"><title>Sign in</title>
<form method="post">{% csrf_token %}{{ form.as_p }}<button type="submit">Sign in</button></form></html>"""

settings.configure(
    SECRET_KEY="for tests only",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": options["database"],
            "OPTIONS": {"timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"login.html": LOGIN_PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    STATIC_URL="/static/",
    LOGIN_URL="/accounts/login/",
    USE_TZ=True,
    OAUTH2_PROVIDER={"PKCE_REQUIRED": True, "ROTATE_REFRESH_TOKEN": True},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 (needs django.setup)
from django.contrib.auth.views import LoginView  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

urlpatterns = [
    path("accounts/login/", LoginView.as_view(template_name="login.html")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def fill():
    """Makes the tables, the one user and the two applications."""
    call_command("migrate", verbosity=0)
    user = User.objects.create_user(options["username"], password=options["password"])
    application = get_application_model()
    for kind in (application.CLIENT_CONFIDENTIAL, application.CLIENT_PUBLIC):
        application.objects.create(
            name="Latchkey " + kind,
            user=user,
            client_id="latchkey-" + kind,
            client_secret=options["secret"] if kind == application.CLIENT_CONFIDENTIAL else "",
            client_type=kind,
            authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
            redirect_uris="\n".join(options["redirectURIs"]),
            skip_authorization=False,
        )


class Counter:
    """Passes requests to Django and counts those for a token."""

    def __init__(self, app):
        self.app = app
        self.lock = threading.Lock()
        self.count = 0

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/peer/token-requests":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(self.count).encode()]
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/o/token/":
            with self.lock:
                self.count += 1
        return self.app(environ, start_response)


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """One thread a connection: a browser opens some that it leaves idle."""

    daemon_threads = True


def end_with_standard_input():
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    fill()
    server = make_server("127.0.0.1", 0, Counter(get_wsgi_application()), Server)
    print("ready http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()
