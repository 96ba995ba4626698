#!/usr/bin/env bash
# A real S3 server on 127.0.0.1 for the tests: Ceph's RADOS Gateway, one monitor, one disk kept in memory.
# Needs Debian's packages radosgw, ceph-mon and ceph-osd (.ci/servers).
#
#     ceph.sh start FOLDER PORT MONITOR_PORT ACCESS SECRET     FOLDER must not exist; returns once S3 answers
#     ceph.sh stop FOLDER
#
# Besides ACCESS, a user with the key `guest` and the same secret exists, who may not make buckets.
set -euo pipefail

command=$1
folder=$2
export CEPH_CONF=$folder/ceph.conf

stop() {
    local name pid
    for name in radosgw osd mon; do
        if [[ -f $folder/$name.pid ]]; then
            pid=$(<"$folder/$name.pid")
            kill "$pid" 2>/dev/null || true
            timeout 30 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
        fi
    done
}

daemon() { # NAME COMMAND...
    "${@:2}" >"$folder/$1.out" 2>&1 </dev/null &
    echo $! >"$folder/$1.pid"
}

until_true() { # COMMAND...: for up to a minute
    local deadline=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS > deadline)); then
            tail -n 20 "$folder"/*.out "$folder"/*.log >&2
            stop
            exit 1
        fi
        sleep 0.2
    done
}

write_config() { # PORT MONITOR_PORT; cephx, because with `auth none` the gateway hangs
    cat >"$CEPH_CONF" <<EOF
[global]
fsid = $(</proc/sys/kernel/random/uuid)
mon initial members = a
mon host = v2:127.0.0.1:$2
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
run dir = $folder
admin socket = $folder/\$cluster-\$name.asok
log file = $folder/\$name.log
crash dir = $folder/crash
keyring = $folder/keyring
[mon]
mon data = $folder/mon
mon cluster log file = $folder/cluster.log
mon data avail warn = 1
mon data avail crit = 1
[osd]
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 2147483648
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$1
rgw thread pool size = 32
EOF
}

write_keys() {
    local keyring=$folder/keyring
    ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    ceph-authtool "$keyring" --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'
}

osd_is_up() { ceph --connect-timeout 5 osd stat | grep -q '1 up'; }

answers() (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET / HTTP/1.0\r\n\r\n' >&3
    grep -q '^HTTP' <&3
)

start() { # PORT MONITOR_PORT ACCESS SECRET
    mkdir -p "$(dirname "$folder")"
    mkdir "$folder" "$folder/mon" "$folder/osd"
    write_config "$1" "$2"
    write_keys >/dev/null
    local fsid
    fsid=$(sed -n 's/^fsid = //p' "$CEPH_CONF")
    monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$2]" "$folder/monmap" >/dev/null
    ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring" >/dev/null
    daemon mon ceph-mon -f -i a
    ceph --connect-timeout 30 osd create >/dev/null
    ceph-osd -i 0 --mkfs >"$folder/mkfs.out" 2>&1
    daemon osd ceph-osd -f -i 0
    until_true osd_is_up
    radosgw-admin user create --uid=tests --display-name=tests --access-key="$3" --secret-key="$4" \
        >"$folder/user.out" 2>&1
    radosgw-admin user create --uid=guest --display-name=guest --access-key=guest --secret-key="$4" \
        --max-buckets=-1 >"$folder/guest.out" 2>&1
    daemon radosgw radosgw -f -n client.rgw
    until_true answers "$1"
}

case $command in
start) start "${@:3}" ;;
stop) stop ;;
*)
    echo "usage: ceph.sh start FOLDER PORT MONITOR_PORT ACCESS SECRET | stop FOLDER" >&2
    exit 2
    ;;
esac
