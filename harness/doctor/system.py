"""Checks of the kind of machine, and of its memory layout."""

from typing import Final

from harness.doctor.check import Check, ok, unknown, warn
from harness.machine.host import Host

_MAKERS: Final = ("QEMU", "KVM", "VMware", "VirtualBox", "Xen", "Virtual Machine", "Google Compute Engine")
_CONTAINERS: Final = (".dockerenv", "run/.containerenv", "run/systemd/container")  # Docker, Podman, systemd-nspawn


def check_virtualisation(host: Host) -> Check:
    """Check whether this is a virtual machine or a container, by the usual signs of both."""
    within = ", in a container" if any(map(host.has, _CONTAINERS)) else ""
    match is_virtual(host):
        case None:
            return unknown("virtualisation", f"not told whether this is a virtual machine{within}")
        case False:
            return ok("virtualisation", f"a physical machine{within}")
    return warn(
        "virtualisation",
        f"a virtual machine{within}: neighbours may take its cores",
        "Compare within one run only; harness aa shows how large the noise is.",
    )


def is_virtual(host: Host) -> bool | None:
    """Return whether this is a virtual machine; None if that is unknown."""
    words = set((host.text("proc/cpuinfo") or "").split())
    made = " ".join(host.text(f"sys/class/dmi/id/{name}") or "" for name in ("sys_vendor", "product_name"))
    if "hypervisor" in words or host.has("sys/hypervisor/type") or any(maker in made for maker in _MAKERS):
        return True
    return False if "flags" in words else None  # x86 has flags, in a guest with ``hypervisor``; others do not show it


def check_aslr(host: Host) -> Check:
    """Check whether each launch gets a new memory layout.

    A layout alone can make a program some percent faster or slower (Mytkowicz et al., "Producing wrong data without
    doing anything obviously wrong!", 2009). A server is launched anew for each trial, gets many layouts, and they
    average out.
    """
    level = host.number("proc/sys/kernel/randomize_va_space")
    if level is None or level > 2:
        return unknown("ASLR", "not told whether memory layouts are random")
    if level:
        return ok("ASLR", "on: each launch has a memory layout of its own")
    return warn(
        "ASLR",
        "off: every launch has the same memory layout",
        "sudo sysctl -w kernel.randomize_va_space=2: the luck of one layout looks like a difference.",
    )
