#!/bin/sh
# nginx in front of gunicorn, which listens at $1 with $2 workers.
trap 'kill $pids; wait' TERM INT
echo "server $1;" >upstream.conf
gunicorn app:wsgi --bind "$1" --workers "$2" &
pids=$!
nginx -e stderr -p . -c nginx-proxy.conf &
pids="$pids $!"
wait
