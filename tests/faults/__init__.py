"""Faults that are caused for real: processes killed, servers stalled, disks full. Every row is accounted for."""
