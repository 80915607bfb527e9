# Checks the settings of a node (docs/node.md, "The settings") and fills in defaults.
# In: the settings as written. Out: { networks: […], claimed: […], cniConfDir }. An error names the
# field.

def fail($field; $what): error("\($field): \($what)");

# Runs a check of a part, and goes on with the whole.
def check(part): . as $whole | part as $checked | $whole;

def only($field; $known):
  if type != "object" then fail($field; "must be an object") else . end
  | (keys - $known) as $unknown
  | if ($unknown | length) > 0 then fail("\($field).\($unknown[0])"; "unknown field, expected one of \($known | join(", "))") else . end;

def integer($field; $least; $most):
  if type != "number" or . != floor or . < $least or . > $most
  then fail($field; "must be a whole number from \($least) to \($most)") else . end;

def text($field; $most):
  if type != "string" or length < 1 or length > $most or test("[[:cntrl:]]")
  then fail($field; "must be a text of 1 to \($most) characters") else . end;

def one_of($field; $values):
  . as $value | if ($values | index([$value])) == null then fail($field; "must be one of \($values | join(", "))") else . end;

# The kernel's limit is 15 characters (IFNAMSIZ). The excluded names are the operating system's and
# the VPC CNI's.
def interface_name($field):
  if type != "string" or (test("^[A-Za-z0-9][A-Za-z0-9_-]{0,14}$") | not)
  then fail($field; "must be 1 to 15 letters, digits, - and _; without interfaceName, the network's name counts")
  elif test("^(lo|eth[0-9]+|en[opsx]?[0-9].*|eni[0-9a-f]{11}|default|all)$")
  then fail($field; "\"\(.)\" is a name that the operating system or the VPC CNI uses") else . end;

def address: type == "string" and test("^[0-9]{1,3}(\\.[0-9]{1,3}){3}$") and all(split(".")[] | tonumber; . < 256);
def cidr: type == "string" and (split("/") | length == 2 and (.[0] | address) and (.[1] | test("^[0-9]{1,2}$") and tonumber <= 32));

def routes($field):
  if type != "array" then fail($field; "must be a list") else . end
  | to_entries | map("\($field)[\(.key)]" as $field | .value
    | only($field; ["dst", "gw"])
    | if .dst | cidr | not then fail("\($field).dst"; "must be an IPv4 CIDR block") else . end
    | if has("gw") and (.gw | address | not) then fail("\($field).gw"; "must be an IPv4 address") else . end);

# A definition is found by its name, which Kubernetes limits to RFC 1123.
def cni($field; $network; $mode):
  only($field; ["name", "type", "mode", "addresses", "routes"])
  | .name //= $network
  | if .name | type == "string" and length <= 63 and test("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$") | not
    then fail("\($field).name"; "must be the name of the NetworkAttachmentDefinition: lower-case letters, digits, - and .") else . end
  | check(.type | one_of("\($field).type"; ["ipvlan", "macvlan", "host-device"]))
  | if .type == "host-device" and has("mode") then fail("\($field).mode"; "host-device has no mode")
    elif .type == "ipvlan" then .mode //= "l2" | check(.mode | one_of("\($field).mode"; ["l2", "l3", "l3s"]))
    # A VPC delivers only to the hardware address of the interface, so no other mode of macvlan
    # works.
    elif .type == "macvlan" then .mode //= "passthru" | check(.mode | one_of("\($field).mode"; ["passthru"]))
    else . end
  | .addresses //= (if .type == "ipvlan" then "secondary" else "primary" end)
  | check(.addresses | one_of("\($field).addresses"; ["primary", "secondary", "all"]))
  | if $mode == "os" and .type != "ipvlan" then fail("\($field).type"; "takes the whole interface, which mode \"os\" leaves to the operating system")
    elif $mode == "os" and .addresses != "secondary" then fail("\($field).addresses"; "the operating system has the primary address in mode \"os\"")
    else . end
  | .routes = (.routes // [] | routes("\($field).routes"))
  # The node routes for pods in the other modes, and it has none of these routes.
  | if .type == "ipvlan" and .mode != "l2" and .routes != [] then fail("\($field).routes"; "need the mode l2") else . end;

def place($field):
  if .subnetIds | type != "array" or length == 0 or (all(.[]; type == "string" and test("^subnet-[0-9a-z-]+$")) | not)
  then fail("\($field).subnetIds"; "must be a list of subnet ids") else . end
  | if .deviceIndex != null then check(.deviceIndex | integer("\($field).deviceIndex"; 0; 255)) else del(.deviceIndex) end
  | .networkCard //= 0
  | check(.networkCard | integer("\($field).networkCard"; 0; 255));

def claim($field):
  only($field; ["subnetIds", "deviceIndex", "networkCard"])
  | check(.deviceIndex | integer("\($field).deviceIndex"; 0; 255))
  | place($field);

def network($index):
  "gate[\($index)]" as $field
  | only($field; ["network", "subnetIds", "deviceIndex", "networkCard", "interfaceName", "mtu", "mode", "cni"])
  | check(.network | text("\($field).network"; 64))
  | place($field)
  | .interfaceName //= .network
  | check(.interfaceName | interface_name("\($field).interfaceName"))
  # The MTU of an interface in a VPC (EC2 user guide, "Network MTU for your EC2 instance").
  | .mtu //= 9001
  | check(.mtu | integer("\($field).mtu"; 1280; 9216))
  | .mode //= "multus"
  | check(.mode | one_of("\($field).mode"; ["multus", "os"]))
  | if .cni != null then . as $network | .cni |= cni("\($field).cni"; $network.network; $network.mode) else del(.cni) end
  # A routing table of its own for each network, apart from those of nodeadm and ec2-net-utils
  # (10000 + 100 · card + index).
  | .routingTable = 30000 + $index;

def unique_by_field($name; value):
  [.[] | value | select(. != null)] as $all
  | if ($all | length) != ($all | unique | length)
    then fail("gate"; "two networks have the same \($name)") else . end;

only("settings"; ["gate", "claimed", "cniConfDir"])
| if .gate | type != "array" then fail("gate"; "must be a list of networks") else . end
| .claimed //= []
| if .claimed | type != "array" then fail("claimed"; "must be a list of places") else . end
| .cniConfDir //= "/etc/cni/net.d/hookline.d"
| check(.cniConfDir | text("cniConfDir"; 255))
| if .cniConfDir | test("^/[^\"'$`\\\\]*$") | not then fail("cniConfDir"; "must be an absolute path")
  # containerd takes the first file there as the cluster's own network.
  elif .cniConfDir | test("^/+etc/+cni/+net\\.d/*$")
  then fail("cniConfDir"; "must not be the folder of the container runtime itself; a folder in it is possible") else . end
| {
    networks: [.gate | to_entries[] | .key as $index | .value | network($index)],
    claimed: [.claimed | to_entries[] | "claimed[\(.key)]" as $field | .value | claim($field)],
    cniConfDir
  }
| .networks |= (unique_by_field("network"; .network) | unique_by_field("interfaceName"; .interfaceName)
    | unique_by_field("cni.name"; .cni.name)
    | unique_by_field("place"; if .deviceIndex == null then null else [.networkCard, .deviceIndex] end)
    # Nothing on a node tells such two apart (docs/profile.md, "Device indexes").
    | ([.[] | select(.deviceIndex == null) | .subnetIds | unique | .[]]) as $free
    | if ($free | length) != ($free | unique | length)
      then fail("gate"; "two networks without deviceIndex have a subnet in common") else . end)
