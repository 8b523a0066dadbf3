#!/bin/sh
# After the migration, as the owner: the roles of ops/postgres, and the password of the daemons' one. Run by compose.yaml.
# Waits for nothing and may run again. The password is on no command line.
set -eu
secrets=${SECRETS:-/run/secrets}
PGPASSWORD=$(cat "$secrets/postgres-owner-password")
ENGINE_PASSWORD=$secrets/postgres-engine-password
export PGPASSWORD ENGINE_PASSWORD PGHOST="${PGHOST:-postgres}" PGUSER="${PGUSER:-chronos_owner}" PGDATABASE="${PGDATABASE:-chronos}"
[ -s "$ENGINE_PASSWORD" ] || { echo "roles.sh: $ENGINE_PASSWORD is missing or empty: ops/docker/secrets.sh makes it" >&2; exit 1; }
psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }
psql -f "${ROLES:-/roles.sql}"
psql <<'SQL'
\set password `cat "$ENGINE_PASSWORD"`
set log_statement = 'none';
alter role chronos_engine password :'password';
SQL
