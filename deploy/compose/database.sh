#!/bin/bash
# Run once by the database's image, when its data directory is empty: the two roles of docs/postgresql.md.
set -euo pipefail
secrets="${SECRETS:-/run/secrets}"
psql --username postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
    --set owner="$(<"$secrets/database-owner")" --set custos="$(<"$secrets/database-custos")" <<'SQL'
CREATE ROLE custos_owner LOGIN PASSWORD :'owner';
CREATE ROLE custos LOGIN PASSWORD :'custos';
CREATE DATABASE custos OWNER custos_owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
\c custos
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SQL
