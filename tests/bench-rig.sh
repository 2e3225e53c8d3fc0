# What the benchmark scripts share; they read it with `source`. Gateways run on one core, load client and imitated
# provider on another, so that neither takes time from the other; whatever was started ends with the script.
[ "$(nproc)" -ge 2 ] || { echo "two cores are needed: one for the gateway, one for its load" >&2; exit 1; }
command -v taskset >/dev/null || { echo "missing: taskset; on Debian: apt-get install util-linux" >&2; exit 1; }
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

folder=$(mktemp -d)
pids=()
stop() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    pids=()
}
trap 'stop; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

free_port() { # a port nobody listens on just now
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null ||
        shuf -i 20000-32000 -n 1
}

fail() { # fail NAME WHAT: says what is wrong and what the process wrote
    echo "$1 $2; its output:" >&2
    cat "$folder/$1.log" >&2
    exit 1
}

# gateway NAME PORT CORES COMMAND...: starts a gateway and waits until it listens; its process id is left in $pid
gateway() {
    local name=$1 port=$2 cores=$3 try
    shift 3
    taskset -c "$cores" "$@" >"$folder/$name.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    for try in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    fail "$name" "does not listen"
}

# models NAME: the models file of a router, one model for each dialect that the provider speaks
models() {
    mkdir "$folder/$1"
    cat >"$folder/$1/models.json" <<END
{"bench": {
  "bench": {"providers": [{"id": "openai", "api_host": "http://$provider", "api_type": "openai", "model_path": "bench"}]},
  "bench-ollama": {"providers": [{"id": "ollama", "api_host": "http://$provider", "api_type": "ollama", "model_path": "bench"}]},
  "bench-anthropic": {"providers": [{"id": "anthropic", "api_host": "http://$provider", "api_type": "anthropic", "model_path": "bench"}]}},
 "active_models": {"bench": ["bench", "bench-ollama", "bench-anthropic"]}}
END
}

# router NAME PORT CORES BINARY [SETTING...]: the router with the models of $folder/NAME/models.json
router() {
    local name=$1 port=$2 cores=$3 binary=$4
    shift 4
    gateway "$name" "$port" "$cores" env -C "$folder/$name" LLM_ROUTER_MODELS_CONFIG="$folder/$name/models.json" \
        LLM_ROUTER_SERVER_PORT="$port" LLM_ROUTER_SERVER_HOST=127.0.0.1 LLM_ROUTER_SERVER_WORKERS_COUNT=1 \
        LLM_ROUTER_ADMIN_PORT=0 LLM_ROUTER_MINIMUM=1 "$@" "$(realpath "$binary")"
}

# servers COUNT: haproxy's lines for the provider's address and those that follow it
servers() {
    local a b c d i
    IFS=. read -r a b c d <<<"${provider%:*}"
    for ((i = c * 256 + d; i < c * 256 + d + $1; i++)); do
        echo "    server provider-$i $a.$b.$((i / 256)).$((i % 256)):${provider#*:} pool-max-conn 20000"
    done
}

# haproxy_beside NAME PORT CORES [THREADS [ADDRESSES]]: haproxy before the same provider, at so many of its addresses
haproxy_beside() {
    local name=$1 port=$2 cores=$3
    cat >"$folder/$name.cfg" <<END
global
    nbthread ${4:-1}
    maxconn $(( ($(ulimit -n) - 100) / 2 ))
defaults
    mode http
    option http-keep-alive
    # Without these two haproxy holds chunks back to send several at once, and goes on reading after a client left.
    option http-no-delay
    option abortonclose
    http-reuse always
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    timeout http-keep-alive 10m
frontend in
    bind 127.0.0.1:$port
    default_backend provider
backend provider
$(servers "${5:-1}")
END
    gateway "$name" "$port" "$cores" haproxy -db -f "$folder/$name.cfg"
}

# provider CORES HOSTS COMMAND...: starts the imitated provider by `bench` and leaves HOST:PORT in $provider
provider() {
    local cores=$1 hosts=$2 try
    shift 2
    taskset -c "$cores" "$@" provider --hosts "$hosts" >"$folder/provider.log" 2>&1 &
    pids+=($!)
    for try in $(seq 100); do [ -s "$folder/provider.log" ] && break; sleep 0.1; done
    provider=$(sed -n 's|^http://||p' "$folder/provider.log")
    [ -n "$provider" ] || fail provider "did not start"
}
