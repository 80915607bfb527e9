"""The tests' kit: a node in namespaces, with a metadata service and a VPC."""
