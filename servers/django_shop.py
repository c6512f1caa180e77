"""A shop on Django, whose page reads from PostgreSQL: threads wait for the database, and so do not keep a core busy.

`python -m servers.django_shop` makes its table and fills it. In workers and threads:
`gunicorn servers.django_shop:application -k gthread -w 2 --threads 4 -b 127.0.0.1:8080`. The environment variable
`SHOP_DB` is HOST:PORT of the database.
"""

import os
import sys

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

HOST, _, PORT = os.environ.get("SHOP_DB", "127.0.0.1:5432").rpartition(":")
ITEMS = 200

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "shop",
            "HOST": HOST,
            "PORT": PORT,
            "CONN_MAX_AGE": None,
        }
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use, since nothing is signed",
)
django.setup()


def shop(request: HttpRequest) -> HttpResponse:
    """What there is to buy, dearest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, price FROM item ORDER BY price DESC, name LIMIT 20")
        rows = "".join(f"<li>{name}: {price}</li>" for name, price in cursor.fetchall())
    response = HttpResponse(f"<!doctype html><title>Shop</title><ul>{rows}</ul>")
    response["X-Worker"] = str(os.getpid())
    return response


urlpatterns = [path("", shop)]
application: WSGIHandler = get_wsgi_application()


def fill() -> None:
    """Make the table of items anew."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS item")
        cursor.execute("CREATE TABLE item (name text PRIMARY KEY, price integer NOT NULL)")
        cursor.executemany("INSERT INTO item VALUES (%s, %s)", [(f"tea {n}", n % 50) for n in range(ITEMS)])


if __name__ == "__main__":
    fill()
    sys.exit(0)
