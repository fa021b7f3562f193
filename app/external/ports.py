"""The window's UDP ports: shut until they are switched on, on this machine only unless told otherwise."""

import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QUdpSocket

from app.settings import NetworkSettings
from engine.external import live_link, vmc
from engine.external.packet import PacketError

MOST_A_TURN = 200
"""Packets read in one turn of the event loop; a flood must not hold the window."""


@dataclass
class Counts:
    """What came through a port: read, dropped, why the last one was dropped, and when the newest came."""

    n_read: int = 0
    n_dropped: int = 0
    reason: str = ""
    newest: float = 0.0


class FacePorts(QObject):
    """Listens for Live Link Face and VMC, and sends VMC.

    Signals:
        face_came: ARKit shapes by name (empty when the sender sees no face) and head angles or None.
        failed: a sentence; the port stays shut.
    """

    face_came = Signal(dict, object)
    failed = Signal(str)

    def __init__(self, settings: NetworkSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.counts = {"live_link": Counts(), "vmc": Counts()}
        self.n_sent = 0
        self._sockets: dict[str, QUdpSocket] = {}
        self._vmc = vmc.VmcReceiver()
        self._out: QUdpSocket | None = None
        self._out_to: tuple[QHostAddress, int] | None = None

    def apply(self) -> None:
        """Opens and shuts ports as the settings now say."""
        settings = self._settings
        self._set_port("live_link", settings.live_link, settings.live_link_port, self._read_live_link)
        self._set_port("vmc", settings.vmc_in, settings.vmc_in_port, self._read_vmc)
        address = QHostAddress(settings.vmc_out_host)
        if settings.vmc_out and address.isNull():
            self.failed.emit(f"{settings.vmc_out_host}: is not an address; write it as four numbers, like 127.0.0.1.")
        self._out_to = (address, settings.vmc_out_port) if settings.vmc_out and not address.isNull() else None
        if self._out_to is not None and self._out is None:
            self._out = QUdpSocket(self)

    def close(self) -> None:
        for name in list(self._sockets):
            self._shut(name)
        if self._out is not None:
            self._out.close()
            self._out = self._out_to = None

    def is_open(self, name: str) -> bool:
        return name in self._sockets

    def port(self, name: str) -> int:
        """The port that is listened on, 0 when shut."""
        return self._sockets[name].localPort() if name in self._sockets else 0

    def address(self, name: str) -> str:
        return self._sockets[name].localAddress().toString() if name in self._sockets else ""

    @property
    def sends(self) -> bool:
        return self._out_to is not None

    def send_vmc(self, shapes: dict[str, float], head_deg: tuple[float, float, float]) -> None:
        """Sends one moment of the face; nothing while it is switched off."""
        if self._out_to is None:
            return
        for packet in vmc.encode(shapes, head_deg, time.perf_counter()):
            self._out.writeDatagram(packet, *self._out_to)
        self.n_sent += 1

    # Inside

    def _set_port(self, name: str, is_on: bool, port: int, read) -> None:
        local = QHostAddress(QHostAddress.SpecialAddress.LocalHost)
        wanted = QHostAddress(QHostAddress.SpecialAddress.AnyIPv4) if self._settings.listen_everywhere else local
        socket = self._sockets.get(name)
        if socket is not None and (not is_on or socket.localPort() != port or socket.localAddress() != wanted):
            self._shut(name)
            socket = None
        if not is_on or socket is not None:
            return
        socket = QUdpSocket(self)
        if not socket.bind(wanted, port, QAbstractSocket.BindFlag.DontShareAddress):
            self.failed.emit(f"Port {port} cannot be opened ({socket.errorString()}); choose another one.")
            socket.deleteLater()
            return
        socket.readyRead.connect(lambda: self._drain(name, read))
        self._sockets[name] = socket
        self.counts[name] = Counts()

    def _shut(self, name: str) -> None:
        socket = self._sockets.pop(name)
        socket.close()
        socket.deleteLater()

    def _drain(self, name: str, read) -> None:
        socket, counts = self._sockets.get(name), self.counts[name]
        for _ in range(MOST_A_TURN):
            if socket is None or not socket.hasPendingDatagrams():
                return
            data = bytes(socket.receiveDatagram().data().data())
            try:
                read(data)
            except PacketError as error:
                counts.n_dropped += 1
                counts.reason = str(error)
                continue
            counts.n_read += 1
            counts.newest = time.monotonic()

    def _read_live_link(self, data: bytes) -> None:
        frame = live_link.decode(data)
        self.face_came.emit(frame.shapes, frame.head_deg)

    def _read_vmc(self, data: bytes) -> None:
        if self._vmc.take(data):
            self.face_came.emit(dict(self._vmc.shapes), self._vmc.head_deg)
