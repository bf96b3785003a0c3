"""A small routed internet in network namespaces, for end-to-end tests.

    lab up [--rootless] [--no-ris]   build, start daemons, wait until BGP and DNS work
    lab down                         kill everything; nothing can be left over
    lab wrap CMD...                  up in a private lab, run CMD in namespace "desk", down
    lab exec NS CMD...               run CMD in a namespace
    lab shell [NS]                   a shell in a namespace
    lab netns NS                     the path for setns(2) from another process (root only)
    lab status | heal | faults       what runs; undo every fault; list the faults
    lab fault VERB ARGS...           break something

LAB_DIR (default /tmp/lab-UID) picks the lab: two labs never see each other.  Needs Linux
with unprivileged user namespaces or root, and from Debian: bird2 nsd unbound nginx-light
exabgp nftables iproute2 openssl.  Standard library only.
"""
