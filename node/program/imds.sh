# shellcheck shell=bash
# shellcheck disable=SC2034  # the programs that read this file use its variables
# Reads the instance metadata service (IMDSv2). Each request has a timeout; no request is repeated
# here, so that the caller decides how long to try.

: "${HOOKLINE_IMDS:=http://169.254.169.254}"
# Seconds that a token lives. EC2 takes 1 to 21,600.
: "${HOOKLINE_IMDS_TOKEN_SECONDS:=300}"

IMDS_TOKEN=""
# Why the last call failed.
IMDS_ERROR=""

# What is read of each interface. A new one may lack each for some time after its attach.
IMDS_CATEGORIES=(interface-id subnet-id device-number network-card local-ipv4s ipv4-prefix subnet-ipv4-cidr-block
  ipv6s subnet-ipv6-cidr-blocks)

# Sets IMDS_TOKEN.
imds_token() {
  local answer
  IMDS_TOKEN=""
  if ! answer=$(curl --silent --show-error --noproxy '*' --connect-timeout 1 --max-time 2 --request PUT \
    --header "X-aws-ec2-metadata-token-ttl-seconds: $HOOKLINE_IMDS_TOKEN_SECONDS" --write-out '\n%{http_code}' \
    "$HOOKLINE_IMDS/latest/api/token" 2>&1); then
    # The last line is the status, 000.
    IMDS_ERROR="no token: ${answer%$'\n'*}"
    return 1
  fi
  if [[ $answer != *$'\n200' || ! ${answer%$'\n'*} =~ ^[A-Za-z0-9_=+/-]+$ ]]; then
    IMDS_ERROR="no token: HTTP status ${answer##*$'\n'}"
    return 1
  fi
  IMDS_TOKEN=${answer%$'\n'*}
}

# imds_get FOLDER CATEGORY...: writes each category to FOLDER/0, FOLDER/1, … and its HTTP status to
# FOLDER/status, one a line.
imds_get() {
  local folder=$1 number=0 category error
  shift
  # One connection for all of them. The token comes by standard input: arguments can be read by
  # every user.
  if ! error=$({
    printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$IMDS_TOKEN"
    for category in "$@"; do
      printf 'url = "%s/latest/meta-data/%s"\noutput = "%s/%d"\n' "$HOOKLINE_IMDS" "$category" "$folder" "$number"
      : >"$folder/$number"
      number=$((number + 1))
    done
  } | timeout 20 curl --silent --show-error --noproxy '*' --connect-timeout 1 --max-time 2 --fail-early --config - \
    --write-out '%{http_code}\n' 2>&1 >"$folder/status"); then
    IMDS_ERROR=${error:-"no answer in 20 seconds"}
    return 1
  fi
  if grep --quiet --line-regexp 401 "$folder/status"; then
    # The token is not valid any more, for example after the instance was stopped.
    IMDS_TOKEN=""
    IMDS_ERROR="HTTP status 401"
    return 1
  fi
  # 404: the instance or the interface does not have it, or not yet.
  if error=$(grep --invert-match --line-regexp --max-count 1 -e 200 -e 404 "$folder/status"); then
    IMDS_ERROR="HTTP status $error"
    return 1
  fi
}

# imds_records FOLDER: prints the status and the text of each category that imds_get wrote there,
# with separators that no text has.
imds_records() {
  local number=0 status
  while read -r status; do
    printf '%s\037%s\036' "$status" "$(<"$1/$number")"
    number=$((number + 1))
  done <"$1/status"
}

# imds_read FILE: writes one reading of everything to FILE, as JSON:
# { mac, instanceId, targetState, interfaces: [{ mac, interfaceId, subnetId, deviceNumber,
# networkCard, addresses, prefixes, cidr, ipv6Addresses, ipv6Cidr }] }. A subnet has one IPv6 block.
imds_read() {
  local folder status
  folder=$(mktemp --directory "$HOOKLINE_RUN/imds-XXXXXXXX") || return 1
  imds_read_into "$folder" "$1"
  status=$?
  rm --recursive --force "$folder"
  return "$status"
}

imds_read_into() {
  local folder=$1 file=$2 mac category categories=() macs=()
  if [[ -z $IMDS_TOKEN ]]; then
    imds_token || return 1
  fi
  mkdir "$folder/node" "$folder/interfaces" || return 1
  imds_get "$folder/node" mac instance-id autoscaling/target-lifecycle-state network/interfaces/macs/ || return 1
  if [[ $(sed --quiet 4p "$folder/node/status") == 404 ]]; then
    IMDS_ERROR="it shows no interface"
    return 1
  fi
  # The last line has no end.
  while read -r mac || [[ -n $mac ]]; do
    mac=${mac%/}
    if [[ ! $mac =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]]; then
      IMDS_ERROR="its list of interfaces makes no sense"
      return 1
    fi
    macs+=("$mac")
  done <"$folder/node/3"
  if ((${#macs[@]} == 0)); then
    IMDS_ERROR="it shows no interface"
    return 1
  fi
  for mac in "${macs[@]}"; do
    for category in "${IMDS_CATEGORIES[@]}"; do
      categories+=("network/interfaces/macs/$mac/$category")
    done
  done
  imds_get "$folder/interfaces" "${categories[@]}" || return 1

  {
    imds_records "$folder/node"
    imds_records "$folder/interfaces"
  } | jq --raw-input --slurp --argjson size "${#IMDS_CATEGORIES[@]}" '
    def number: if . != null and test("^[0-9]+$") then tonumber else null end;
    def lines: . // "" | split("\n") | map(select(. != ""));
    split("\u001e")[:-1] | map(split("\u001f") | if .[0] == "404" then null else .[1] end)
    | (.[3] | lines | map(rtrimstr("/"))) as $macs
    | { mac: .[0], instanceId: .[1], targetState: .[2],
      interfaces: [.[4:] as $values | range($macs | length) as $index | $values[$index * $size:($index + 1) * $size]
        | { mac: $macs[$index], interfaceId: .[0], subnetId: .[1], deviceNumber: (.[2] | number), networkCard: (.[3] | number),
            addresses: (.[4] | lines), prefixes: (.[5] | lines), cidr: .[6],
            ipv6Addresses: (.[7] | lines), ipv6Cidr: (.[8] | lines | first) }] }
    | if .mac == null or .instanceId == null then error("no mac or instance-id") else . end' >"$file" 2>/dev/null || {
    IMDS_ERROR="its answers make no sense"
    return 1
  }
}
