#!/bin/sh
# Makes the secrets of compose.yaml that are not there yet: secrets.sh [FOLDER], by default `secrets` beside this file.
#
# The folder is for its owner alone. The files in it are readable by all, since compose shows them to each container as
# they are, and the daemons there are neither root nor you.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
if [ $# -gt 1 ] || [ -z "$folder" ]; then
    echo "secrets.sh: usage: secrets.sh [FOLDER]" >&2
    exit 1
fi
mkdir -p "$folder"
chmod 700 "$folder"

random()
{
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# write NAME, from standard input; whole or not at all
write()
{
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv -f "$folder/$1.new" "$folder/$1"
}

make_random()
{
    [ -s "$folder/$1" ] || random | write "$1"
}

acl=$("$here/../redis/set-passwords.sh" "$folder/redis")
echo "$acl" | write redis-users.acl
for daemon in scheduler worker console; do
    printf 'redis://chronos-%s:%s@redis:6379\n' "$daemon" "$(tr -d '\n' <"$folder/redis/chronos-$daemon")" | write "$daemon-redis-url"
done
tr -d '\n' <"$folder/redis/chronos-metrics" | write redis-metrics-password

make_random postgres-owner-password
make_random postgres-engine-password
printf 'postgresql://chronos_owner:%s@postgres:5432/chronos\n' "$(cat "$folder/postgres-owner-password")" | write owner-database-url
printf 'postgresql://chronos_engine:%s@postgres:5432/chronos\n' "$(cat "$folder/postgres-engine-password")" | write database-url

make_random console-secret
# as chronos-console --new-key admin writes them
if [ ! -s "$folder/admin-key" ]; then
    printf 'chronos_admin_%s' "$(random)" | write admin-key
fi
printf 'operator=sha256:%s\n' "$(sha256sum <"$folder/admin-key" | cut -c1-64)" | write admin-keys
