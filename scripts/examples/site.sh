# What the examples share: a folder to work in, and a cloud, a broker and a device that are gone when the example is.
# Each example's `run` sources this; every command that it runs by `try` is one that you would type.
#
#   EXAMPLE_KEEP=1     leave the folder, and say where it is
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/scripts/setup" demo
unset "${!ROOST_@}" # what you have set for a cloud or a device of yours is not for this one
export PATH=$root/.venv/bin:$PATH
export OPENBLAS_NUM_THREADS=1 # two threads spin for one another, to fit networks as small as these

work=$(mktemp -d -t roost-example-XXXXXX)
export XDG_CONFIG_HOME=$work/config # `roost login` remembers here who we are, and not among your own logins
cd "$work"

declare -A started=() # what was started, by name
names=()               # in what order
clean_up() {
    local at
    for ((at = ${#names[@]} - 1; at >= 0; at--)); do
        stop "${names[at]}"
    done
    cd /
    [[ -n ${EXAMPLE_KEEP:-} ]] && echo "Everything is in $work" || rm -rf "$work"
}
trap clean_up EXIT

step() {
    printf '\n%s\n' "$*"
}

# Show a command, then run it.
try() {
    printf '$ %s\n' "${*@Q}" | sed "s/'\([A-Za-z0-9_.,:@=\/+-]*\)'/\1/g"
    "$@"
}

# Start a program beside, with what it says in NAME.log: start NAME COMMAND...
start() {
    local name=$1
    shift
    : >"$name.log"
    "$@" >>"$name.log" 2>&1 &
    started[$name]=$!
    names+=("$name")
}

# End one of them, if it has not ended yet.
stop() {
    kill "${started[$1]}" 2>/dev/null || true
    wait "${started[$1]}" 2>/dev/null || true
}

# Wait until a started program says so, and print the part of it that the pattern's group matches: said NAME PATTERN
said() {
    local attempt found
    for ((attempt = 0; attempt < 600; attempt++)); do
        found=$(sed -nE "s!.*$2.*!\\1!p" "$1.log" | head -n 1)
        [[ -z $found ]] || { echo "$found" && return; }
        sleep 0.2
    done
    echo "$1 does not say so: $2" >&2
    tail -n 20 "$1.log" >&2
    return 1
}

# Wait until a started program says so, and tell: until_said NAME TEXT
until_said() {
    echo "… until $1 says: $2"
    said "$1" "($2)" >/dev/null
}

# Wait until a command succeeds, and say what for: until_true WHAT COMMAND...
until_true() {
    local what=$1 attempt
    shift
    echo "… until $what"
    for ((attempt = 0; attempt < 300; attempt++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 2
    done
    echo "in vain: $*" >&2
    tail -n 20 ./*.log >&2
    return 1
}

# A cloud with all that it needs embedded, a tenant there, and ourselves logged in as its admin.
begin_cloud() {
    local login rest
    cloud_broker=$(free_port)
    start cloud roost cloud serve --embedded --data-dir cloud --listen 127.0.0.1:0 --embedded-broker-port "$cloud_broker"
    said cloud '(listening on http.*)' >/dev/null
    login=$(said cloud 'roost login (.*)')
    read -r cloud rest <<<"$login"
    try roost login "$cloud" ${rest}
    try roost tenant create acme | tee tenant
    login=$(sed -n 's/.*roost login //p' tenant)
    try roost login ${login}
}

# Keys, as a person keeps them, and a releaser for a task. No passphrase guards these: they are gone in a minute.
begin_trust() {
    try roost trust init --keys keys --no-passphrase
    try roost trust add-key ann --keys keys --no-passphrase
    try roost trust delegate "$1" --to ann --keys keys
}

# Enrol a device at the cloud, and run its agent by agent.toml and whatever settings are given: begin_device NAME …
begin_device() {
    local device=$1
    shift
    echo "\$ roost device enrol $device"
    roost device enrol "$device" --json | pick 'it["token"]' >token
    try roost-agent enrol --config agent.toml --url "$cloud" --token-file token
    start "$device" roost-agent run --config agent.toml --set "cloud.url=$cloud" "$@"
}

# A broker of the device's site, for a sensor that speaks MQTT: Mosquitto or its like, elsewhere.
begin_broker() {
    start broker python -P -m roost_cloud.broker --port 0
    broker=$(said broker 'listening on 127.0.0.1:([0-9]+)')
}

# A port of this machine that nobody listens on.
free_port() {
    python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Something of the JSON that a command prints: COMMAND --json | pick EXPRESSION, in which it is called `it`.
pick() {
    python -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}
