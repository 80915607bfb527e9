#!/usr/bin/env bash
# The bootstrap container of Bottlerocket: it holds the boot, and so kubelet, until the interfaces
# are there and configured.
#
# The boot goes on when all bootstrap containers have ended (bottlerocket-os/bottlerocket-core-kit,
# packages/os, bootstrap-containers@.service: Before=configured.target; a oneshot unit has no
# timeout). They run in the network namespace of the host with CAP_NET_ADMIN; the host's files are
# in /.bottlerocket/rootfs, and the user data in a folder of the container that outlives a boot
# (sources/host-ctr/cmd/host-ctr/main.go). This one never ends by itself before its work is done.
set -uo pipefail

: "${HOOKLINE_BOTTLEROCKET:=/.bottlerocket}"
# Seconds between two tries.
: "${HOOKLINE_RETRY_SECONDS:=5}"
programs=/usr/local/libexec/hookline
own=$HOOKLINE_BOTTLEROCKET/bootstrap-containers/current

export HOOKLINE_SETTINGS=$own/user-data
# Nobody can log in while the boot is held: host containers, also the admin container, start with
# multi-user.target, which comes after this one (sources/api/host-containers/src/main.rs).
export HOOKLINE_HINT='There is no override on Bottlerocket: stop or terminate the instance'
# /proc/sys is read-only in a container, and /etc is its own. Those of the host are not.
export HOOKLINE_ROOTFS=$HOOKLINE_BOTTLEROCKET/rootfs
# The unit writes standard error to the journal and to the console.
export HOOKLINE_CONSOLE=/dev/null

"$programs/hookline-gate" || exit 1

# missing_addresses: prints the networks whose pods have no addresses yet. Nothing writes them later
# on Bottlerocket.
missing_addresses() {
  jq --raw-output --from-file "$programs/settings.jq" "$HOOKLINE_SETTINGS" |
    jq --raw-output '.cniConfDir as $folder | .networks[].cni | select(. != null) | "\($folder)/hookline-\(.name).conf"' |
    while IFS= read -r file; do
      [[ -e $HOOKLINE_ROOTFS$file ]] || printf '%s\n' "$file"
    done
}

while true; do
  if "$programs/hookline-interfaces" require; then
    # Settings that cannot be read are no reason to go on.
    missing=$(missing_addresses) || missing='the settings cannot be read'
    if [[ -z $missing ]]; then
      printf 'hookline-bootstrap: the boot goes on\n' >&2
      exit 0
    fi
    printf 'hookline-bootstrap: the boot waits: the metadata service shows no addresses for pods: %s\n' "${missing//$'\n'/, }" >&2
  fi
  sleep "$HOOKLINE_RETRY_SECONDS"
done
