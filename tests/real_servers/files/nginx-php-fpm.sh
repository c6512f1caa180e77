#!/bin/sh
# nginx in front of PHP-FPM.
trap 'kill $pids; wait' TERM INT
php-fpm --nodaemonize --prefix . --fpm-config php-fpm.conf &
pids=$!
nginx -e stderr -p . -c nginx-php.conf &
pids="$pids $!"
wait
