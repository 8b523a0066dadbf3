#!/usr/bin/env bash
# What somebody types who has read the README's "Quick start" and nothing else; inside a bare Debian 12. See newcomer.sh.
set -euo pipefail

type_in()
{
    printf '\n# %s\n' "$*"
    bash -c "$*" </dev/null
}

export DEBIAN_FRONTEND=noninteractive
type_in 'apt-get -q update >/dev/null && apt-get -q -y install --no-install-recommends git make >/dev/null'
git config --global --add safe.directory '*'
type_in 'git clone -q /src /srv/chronos'
cd /srv/chronos
while read -r command; do
    type_in "$command"
done </srv/commands

# an event of one's own, for a video of one's own
# shellcheck source=/dev/null
. .run/demo-1/env
type_in 'chronosctl functions'
creator=$(psql "$CHRONOS_DATABASE_URL" -XAtc 'select creator_id from public.videos limit 1')
video=$(psql "$CHRONOS_DATABASE_URL" -XAtqc "insert into videos (creator_id, title, source_type, youtube_video_id)
    values ('$creator', 'mine', 'youtube', 'WoolDyeing1') returning id")
type_in "redis-cli -u $CHRONOS_REDIS_URL XADD chronos:events '*' name video/transcript.extract \
    data '{\"videoId\":\"$video\",\"creatorId\":\"$creator\",\"source\":\"youtube\"}'"
for _ in $(seq 300); do
    status=$(psql "$CHRONOS_DATABASE_URL" -XAtc "select status from public.videos where id = '$video'")
    [ "$status" = completed ] && break
    [ "$status" = failed ] && break
    sleep 0.2
done
printf '\nthe video is %s\n' "$status"
[ "$status" = completed ]

# searched in the console, at the address that make status says
console=$(make -s status | awk '$1 == "console" { print $NF }')
printf '\n# search for "wool" in the console at %s\n' "$console"
python3 - "$console" "$creator" "$video" <<'P'
import json, sys, urllib.parse, urllib.request
console, creator, video = sys.argv[1:]
page = urllib.request.urlopen(console + "/").read().decode()
assert "<title>" in page
query = urllib.parse.urlencode({"q": "how is wool dyed", "creator_id": creator})
found = json.load(urllib.request.urlopen(f"{console}/api/video/search?{query}"))
text = json.dumps(found, ensure_ascii=False)
print(text[:600])
assert video in text, "the video was not found"
P
type_in 'make down'
printf '\nA newcomer got from the clone to a search result.\n'
