# shellcheck shell=bash
# shellcheck disable=SC2034  # the programs that read this file use its variables
# What the gate and the configuration of the interfaces share: where files are, the settings, the
# log.

: "${HOOKLINE_SETTINGS:=/etc/hookline/node.json}"
# On tmpfs: what is here ends with the boot.
: "${HOOKLINE_RUN:=/run/hookline}"
: "${HOOKLINE_CONSOLE:=/dev/console}"
# The override by hand, and how to use it.
: "${HOOKLINE_OVERRIDE:=$HOOKLINE_RUN/open-gate}"
: "${HOOKLINE_HINT:=To open the gate by hand: touch $HOOKLINE_OVERRIDE}"
# Where the node's own files are, if the programs run in a container (node/bottlerocket).
: "${HOOKLINE_ROOTFS:=}"

HOOKLINE_PROGRAM=${0##*/}

# Writes a line to the journal: systemd reads it from the standard error of a unit.
log() {
  printf '%s: %s\n' "$HOOKLINE_PROGRAM" "$*" >&2
}

# Writes a line to the journal and to the console, which EC2 shows without a login
# (GetConsoleOutput).
announce() {
  log "$*"
  if [[ -w $HOOKLINE_CONSOLE ]]; then
    # A console that nobody reads must not stop the gate.
    printf '%s: %s\r\n' "$HOOKLINE_PROGRAM" "$*" | timeout 2 tee --append "$HOOKLINE_CONSOLE" >/dev/null 2>&1 || true
  fi
}

# Prints the seconds since the boot. Bash's SECONDS goes by the clock, which chrony can set back.
uptime_seconds() {
  cut -d. -f1 /proc/uptime
}

# Seconds to wait for the metadata service, for a link, for networkd, and for another run of the
# same program.
: "${HOOKLINE_WAIT_SECONDS:=20}"

# retry COMMAND...: runs it until it succeeds, for HOOKLINE_WAIT_SECONDS.
retry() {
  local deadline=$(($(uptime_seconds) + HOOKLINE_WAIT_SECONDS))
  until "$@"; do
    (($(uptime_seconds) < deadline)) || return 1
    sleep 0.5
  done
}

# write_file FILE < CONTENT: replaces FILE in one step, if its content differs. Returns 0 if it was
# written, 1 if it was the same already, 2 if it cannot be written.
write_file() {
  local file=$1 new
  mkdir --parents "${file%/*}" || return 2
  # A leading dot and no known extension: nobody reads it as configuration.
  new=$(mktemp "${file%/*}/.hookline-XXXXXXXX") || return 2
  if ! cat >"$new" || ! chmod 644 "$new"; then
    rm --force "$new"
    return 2
  fi
  if cmp --silent "$new" "$file"; then
    rm --force "$new"
    return 1
  fi
  sync "$new" && mv --force "$new" "$file" || return 2
}

# remove_files_but START NAMES FILE...: of the files, whose paths are START, a name and an
# extension, removes those whose name is not among NAMES, which are separated by spaces. Returns 0
# if there was one.
remove_files_but() {
  local start=$1 names=$2 file name removed=1
  shift 2
  for file in "$@"; do
    name=${file#"$start"}
    name=${name%.*}
    if [[ -e $file && " $names " != *" $name "* ]]; then
      rm --force "$file"
      removed=0
    fi
  done
  return "$removed"
}

# Prints the checked settings. On failure, SETTINGS_ERROR says what is wrong.
SETTINGS_ERROR=""
SETTINGS=""
read_settings() {
  SETTINGS=""
  if ! command -v jq >/dev/null; then
    SETTINGS_ERROR="jq is not installed"
    return 1
  fi
  if [[ ! -r $HOOKLINE_SETTINGS ]]; then
    SETTINGS_ERROR="there is no $HOOKLINE_SETTINGS"
    return 1
  fi
  if ! SETTINGS=$(jq --from-file "$HOOKLINE_HOME/settings.jq" --compact-output "$HOOKLINE_SETTINGS" 2>&1); then
    SETTINGS_ERROR="$HOOKLINE_SETTINGS: ${SETTINGS##*jq: error (at *): }"
    SETTINGS=""
    return 1
  fi
  if [[ -z $SETTINGS ]]; then
    SETTINGS_ERROR="$HOOKLINE_SETTINGS: is empty"
    return 1
  fi
}

# assign READING: prints which interface of the reading is which network's.
assign() {
  jq --from-file "$HOOKLINE_HOME/assign.jq" --argjson settings "$SETTINGS" --compact-output "$1"
}
