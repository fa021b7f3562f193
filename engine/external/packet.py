"""What goes wrong with a packet from the network."""

from engine.errors import MouthpieceError


class PacketError(MouthpieceError):
    """A packet that is not what it should be; it is dropped and counted, never shown one by one."""
