#!/usr/bin/env bash
# One database for each service, and a role that owns it and is the only one to connect to it.
# PostgreSQL's image runs this once, on an empty volume. For a service added later, run it again; it repeats safely:
#   docker compose exec postgres bash /docker-entrypoint-initdb.d/databases.sh
# DATABASES holds `name:password` pairs separated by spaces; a role is named like its database.
set -euo pipefail

sql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres "$@"; }

sql <<<'REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC'

for entry in $DATABASES; do
  # Fed by standard input, because psql expands variables only there; \gexec runs what a query returns.
  sql --set name="${entry%%:*}" --set password="${entry#*:}" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done
