#!/bin/sh
# haproxy in front of $1 uvicorns.
trap 'kill $pids; wait' TERM INT
echo 'backend applications' >backend.cfg
for n in $(seq "$1"); do
    echo "    server uvicorn-$n unix@uvicorn-$n.sock" >>backend.cfg
    uvicorn app:asgi --no-access-log --uds "uvicorn-$n.sock" &
    pids="$pids $!"
done
haproxy -W -f haproxy.cfg -f backend.cfg &
pids="$pids $!"
wait
