#!/usr/bin/env bash
# Makes what docker-compose.yml expects below site/: secrets, each for the one account that reads it, and the
# directories that hold everything that is kept. May be run again: what is there stays as it is.
#
#   sudo deploy/compose/prepare.sh [DIRECTORY]     (default: site, beside docker-compose.yml)
set -euo pipefail
umask 077
here="$(cd "$(dirname "$0")/../.." && pwd)"
readonly SITE="${1:-$here/site}" BUCKET=evidence

# The accounts in the containers: they are in none of this machine.
readonly CUSTOS=10001 STORE=10002 BROKER=10004 PROXY=10005 DATABASE=999

fail() {
    printf 'prepare: %s\n' "$*" >&2
    exit 1
}
((EUID == 0)) || fail "run this as root: each secret is given to the account that reads it"

secret() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# keep FILE OWNER: standard input becomes that secret, unless there is one.
keep() {
    local file="$SITE/secrets/$1"
    if [[ -e "$file" ]]; then
        cat >/dev/null
        return
    fi
    cat >"$file.new"
    chown "$2:$2" "$file.new"
    chmod 0400 "$file.new"
    mv "$file.new" "$file"
}
read_secret() { cat "$SITE/secrets/$1"; }

# A policy of deploy/s3 as one JSON string.
policy() { tr -d '\n' <"$here/deploy/s3/$1-policy.json" | sed "s/BUCKET/$BUCKET/g; s/\\\\/\\\\\\\\/g; s/\"/\\\\\"/g"; }

store_keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$(secret)"; }
secret_key_of() { sed -n 's/^aws_secret_access_key = //p' "$SITE/secrets/$1"; }
identity() {
    printf '{"name": "%s", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], %s}' \
        "$1" "$1" "$(secret_key_of "store-$1")" "$2"
}

install -d -m 0755 "$SITE" "$SITE/data"
install -d -m 0711 "$SITE/secrets"
for place in custos:$CUSTOS database:$DATABASE store:$STORE proxy:$PROXY; do
    install -d -m 0700 -o "${place#*:}" -g "${place#*:}" "$SITE/data/${place%:*}"
done

# The database: its superuser, the owner of the tables, and the role that Custos uses, which can only add to the log.
secret | keep database-superuser $DATABASE
secret | keep database-owner $DATABASE
secret | keep database-custos $DATABASE
read_secret database-custos | keep catalogue-password $CUSTOS
printf 'postgresql://custos_owner:%s@database/custos\n' "$(read_secret database-owner)" | keep catalogue-owner $CUSTOS

# The broker.
secret | keep broker-password $CUSTOS
printf '%s\n' 'bind * -::*' 'save ""' 'appendonly no' 'maxmemory 64mb' 'maxmemory-policy noeviction' \
    "requirepass $(read_secret broker-password)" | keep broker.conf $BROKER

# The store: who there is, and with which of the two policies.
store_keys admin | keep store-admin $CUSTOS
store_keys service | keep store-service $CUSTOS
store_keys disposal | keep store-disposal $CUSTOS
{
    printf '{"identities": [%s,\n' "$(identity admin '"actions": ["Admin", "Read", "Write", "List", "Tagging"]')"
    printf '%s,\n' "$(identity service '"actions": [], "policyNames": ["service"]')"
    printf '%s],\n' "$(identity disposal '"actions": [], "policyNames": ["disposal"]')"
    printf '"policies": [{"name": "service", "content": "%s"},\n' "$(policy service)"
    printf '{"name": "disposal", "content": "%s"}]}\n' "$(policy disposal)"
} | keep store-people.json $STORE
