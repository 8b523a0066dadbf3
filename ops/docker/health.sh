#!/bin/bash
# The health check of the images: 0 when the daemon beside it answers. chronos-health [health|ready]
#
# By bash, as the image has no program that speaks HTTP, and needs none else.
set -eu
what=${1:-health}
exec 3<>"/dev/tcp/127.0.0.1/${CHRONOS_METRICS_PORT:-0}"
printf 'GET /%s HTTP/1.0\r\n\r\n' "$what" >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
