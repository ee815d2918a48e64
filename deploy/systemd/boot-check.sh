#!/usr/bin/env bash
# Boots a Debian 12 with the unit in it, under a systemd of its own, and says how the service fares there: everything
# that the unit takes away is taken away for real. About a minute; needs root, systemd-container, mmdebstrap and Debian's
# mirror, and so is no part of the tests.
#
#   deploy/systemd/boot-check.sh BINARY       BINARY: a build with --static-swift-stdlib
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,libzmq5,libsqlite3-0,libstdc++6,libcurl4 \
  bookworm "$root"
install -m 0755 "$binary" "$root/usr/bin/tidemark"
install -m 0644 "$here/tidemark.service" "$root/etc/systemd/system/"
install -m 0644 "$here/sysusers.conf" "$root/usr/lib/sysusers.d/tidemark.conf"
install -m 0644 "$here/tmpfiles.conf" "$root/usr/lib/tmpfiles.d/tidemark.conf"
systemd-sysusers --root="$root"
systemd-tmpfiles --root="$root" --create "$root/usr/lib/tmpfiles.d/tidemark.conf"
cat >"$root/etc/tidemark/tidemark.yaml" <<'YAML'
state: /var/lib/tidemark/journal
sockets:
  ingest: ["tcp://127.0.0.1:7410", "ipc:///run/tidemark/ingest"]
  output: ["tcp://127.0.0.1:7411", "ipc:///run/tidemark/output"]
YAML
chgrp --reference="$root/etc/tidemark" "$root/etc/tidemark/tidemark.yaml"
chmod 0640 "$root/etc/tidemark/tidemark.yaml"

# Looks at the service once the system is up, reloads it, stops it, and turns the system off.
cat >"$root/check.sh" <<'CHECK'
#!/bin/bash
exec >/check.out 2>&1
state() { systemctl show tidemark -p "$1" --value; }
echo "after boot: $(state ActiveState), restarts $(state NRestarts), says: $(state StatusText)"
systemctl reload tidemark && echo "after reload: $(state ActiveState), process $(state MainPID)"
cat /proc/$(state MainPID)/status | grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):'
systemctl stop tidemark && echo "after stop: $(state ActiveState), $(state Result), status $(state ExecMainStatus)"
journalctl -u tidemark -o cat --no-pager
systemctl poweroff
CHECK
chmod +x "$root/check.sh"
cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=tidemark.service
[Service]
Type=oneshot
ExecStart=/check.sh
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
for unit in tidemark check; do
  ln -s "../$unit.service" "$root/etc/systemd/system/multi-user.target.wants/$unit.service"
done
timeout -k 5 120 systemd-nspawn --quiet -D "$root" --register=no --keep-unit --private-network -b --console=pipe \
  </dev/null >"$work/boot.log" 2>&1 || true
cat "$root/check.out" || { tail -n 40 "$work/boot.log"; exit 1; }
grep -q '^after boot: active, restarts 0' "$root/check.out"
grep -q '^after reload: active' "$root/check.out"
grep -q '^after stop: inactive, success, status 0' "$root/check.out"
