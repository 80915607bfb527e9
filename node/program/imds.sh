# shellcheck shell=bash
# shellcheck disable=SC2034  # the programs that read this file use its variables
# Reads the instance metadata service (IMDSv2). Each request has a timeout; no request is repeated here, so that the caller
# decides how long to try.

: "${HOOKLINE_IMDS:=http://169.254.169.254}"
# Seconds that a token lives. EC2 takes 1 to 21,600.
: "${HOOKLINE_IMDS_TOKEN_SECONDS:=300}"

IMDS_TOKEN=""
# Why the last call failed.
IMDS_ERROR=""

# What is read of each interface. A new one may lack each for some time after its attach.
IMDS_CATEGORIES=(interface-id subnet-id device-number network-card local-ipv4s ipv4-prefix subnet-ipv4-cidr-block)

# Sets IMDS_TOKEN.
imds_token() {
  local answer
  IMDS_TOKEN=""
  if ! answer=$(curl --silent --show-error --noproxy '*' --connect-timeout 1 --max-time 2 --request PUT \
    --header "X-aws-ec2-metadata-token-ttl-seconds: $HOOKLINE_IMDS_TOKEN_SECONDS" --write-out '\n%{http_code}' \
    "$HOOKLINE_IMDS/latest/api/token" 2>&1); then
    IMDS_ERROR="no token: $answer"
    return 1
  fi
  if [[ $answer != *$'\n200' || ! ${answer%$'\n'*} =~ ^[A-Za-z0-9_=+/-]+$ ]]; then
    IMDS_ERROR="no token: HTTP status ${answer##*$'\n'}"
    return 1
  fi
  IMDS_TOKEN=${answer%$'\n'*}
}

# imds_get FOLDER CATEGORY...: writes each category to FOLDER/0, FOLDER/1, … and its HTTP status to FOLDER/status, one a line.
imds_get() {
  local folder=$1 number=0 category error
  shift
  # One connection for all of them. The token comes by standard input: arguments can be read by every user.
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

# Prints FOLDER/NUMBER as a JSON string, or null if its status is 404.
imds_json() {
  if [[ $(sed --quiet "$(($2 + 1))p" "$1/status") == 404 ]]; then
    printf 'null'
  else
    jq --raw-input --slurp 'rtrimstr("\n")' "$1/$2"
  fi
}

# imds_read FILE: writes one reading of everything to FILE, as JSON:
# { mac, instanceId, targetState, interfaces: [{ mac, interfaceId, subnetId, deviceNumber, networkCard, addresses, prefixes, cidr }] }
imds_read() {
  local folder status
  folder=$(mktemp --directory) || return 1
  imds_read_into "$folder" "$1"
  status=$?
  rm --recursive --force "$folder"
  return "$status"
}

imds_read_into() {
  local folder=$1 file=$2 mac number category categories=() macs=()
  if [[ -z $IMDS_TOKEN ]]; then
    imds_token || return 1
  fi
  mkdir "$folder/node" "$folder/interfaces" || return 1
  imds_get "$folder/node" mac instance-id autoscaling/target-lifecycle-state network/interfaces/macs/ || return 1
  while read -r mac; do
    mac=${mac%/}
    [[ $mac =~ ^([0-9a-f]{2}:){5}[0-9a-f]{2}$ ]] && macs+=("$mac")
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
    for number in 0 1 2; do
      imds_json "$folder/node" "$number"
    done
    number=0
    for mac in "${macs[@]}"; do
      printf '"%s"\n' "$mac"
      for category in "${IMDS_CATEGORIES[@]}"; do
        imds_json "$folder/interfaces" "$number"
        number=$((number + 1))
      done
    done
  } | jq --slurp --argjson size $((${#IMDS_CATEGORIES[@]} + 1)) '
    def number: if . != null and test("^[0-9]+$") then tonumber else null end;
    def lines: . // "" | split("\n") | map(select(. != ""));
    { mac: .[0], instanceId: .[1], targetState: .[2],
      interfaces: [.[3:] | range(0; length; $size) as $start | .[$start:$start + $size]
        | { mac: .[0], interfaceId: .[1], subnetId: .[2], deviceNumber: (.[3] | number), networkCard: (.[4] | number),
            addresses: (.[5] | lines), prefixes: (.[6] | lines), cidr: .[7] }] }
    | if .mac == null or .instanceId == null then error("no mac or instance-id") else . end' >"$file" 2>/dev/null || {
    IMDS_ERROR="its answers make no sense"
    return 1
  }
}
