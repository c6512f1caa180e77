#!/bin/sh
# nginx in front of $2 uvicorns, by $1: tcp or unix.
trap 'kill $pids; wait' TERM INT
: >upstream.conf
for n in $(seq "$2"); do
    if [ "$1" = unix ]; then
        echo "server unix:uvicorn-$n.sock;" >>upstream.conf
        uvicorn app:asgi --no-access-log --uds "uvicorn-$n.sock" &
    else
        echo "server 127.0.0.1:$((8080 + n));" >>upstream.conf
        uvicorn app:asgi --no-access-log --port $((8080 + n)) &
    fi
    pids="$pids $!"
done
nginx -e stderr -p . -c nginx-proxy.conf &
pids="$pids $!"
wait
