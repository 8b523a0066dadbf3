#!/bin/sh
# The manual's page of a daemon, made of what its --help says: page.sh PROGRAM
set -eu
program=$1
name=$(basename "$program")
upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
help=$("$program" --help)
printf '.TH %s 8 "" "Chronos" "System administration"\n.SH NAME\n%s \\- background jobs on Redis Streams and Postgres\n' "$upper" "$name"
printf '.SH SYNOPSIS\n.B %s\n[\\-\\-help | \\-\\-version]\n.SH DESCRIPTION\n.nf\n' "$name"
# a line that begins with a dot or a quote would be a request to troff
echo "$help" | sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\\&&/" -e 's/-/\\-/g'
printf '.fi\n.SH SIGNALS\nSIGTERM stops it: what runs ends within CHRONOS_DRAIN_MS, the rest is given back.\n'
