# shellcheck shell=bash
# The CNI configuration of each network, in a folder that Multus reads: its `confDir`. A
# NetworkAttachmentDefinition without a configuration names the one with its own name there.

# cni_file FOLDER NAME < JSON: writes the configuration of one network, or removes it if there is no
# address for a pod. The JSON is an element of `found` (assign.jq). Returns as write_file does.
cni_file() {
  local configuration
  configuration=$(jq -L "$HOOKLINE_HOME" --from-file "$HOOKLINE_HOME/cni.jq") || return 2
  if [[ -z $configuration ]]; then
    log "$2: the metadata service shows no address for a pod yet"
    # Addresses that are not this interface's any more must not go to pods.
    rm --force "$1/hookline-$2.conf"
    return 1
  fi
  write_file "$1/hookline-$2.conf" <<<"$configuration"
}

# remove_cni_files_but FOLDER NAME...: removes the configurations of networks that the node does not
# have any more. Returns 0 if there was one.
remove_cni_files_but() {
  local folder=$1
  shift
  remove_files_but "$folder/hookline-" "$*" "$folder"/hookline-*.conf
}
